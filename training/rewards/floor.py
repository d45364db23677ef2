"""A floor for a well-formed run: ReSearch's 0.1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...trace import Trace
from .base import Parts

FORMAT_REWARD = 0.1
"""ReSearch src/verl/utils/reward_score/re_search.py:149-179."""


@dataclass(frozen=True)
class FloorWhenValid:
    """0 for a broken form, the answer's score if above 0, else the floor.

    As in the original an answer that scores between 0 and the floor gets less than a
    wholly wrong one; `is_monotonic` gives it the floor too.
    """

    floor: float = FORMAT_REWARD
    is_monotonic: bool = False

    def __call__(self, answer: float, problems: Sequence[str], trace: Trace) -> Parts:
        if problems:
            return Parts()
        if answer > (self.floor if self.is_monotonic else 0.0):
            return Parts(answer=answer)
        return Parts(format=self.floor)
