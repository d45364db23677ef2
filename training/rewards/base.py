"""What a reward is made of: an answer term, a validator, a combination, group terms.

All of it is pure: traces in, numbers out. A judge's verdict is asked for before and read
here from the trace's outcome.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Protocol

from ...errors import DeepSearchError
from ...trace import Trace

AnswerTerm = Callable[[Trace], float]
"""How good a run's answer is; most from 0 to 1."""

Validator = Callable[[Trace], list[str]]
"""What is wrong with a run's form, in words; empty when it is as it must be."""


class RewardError(DeepSearchError):
    """A reward is unknown, or a trace lacks what it needs."""


@dataclass(frozen=True)
class Parts:
    """A reward by where it comes from; what is trained on is `total`."""

    answer: float = 0.0
    format: float = 0.0
    shaping: float = 0.0

    @property
    def total(self) -> float:
        """The sum of the parts."""
        return self.answer + self.format + self.shaping

    def to_json(self) -> dict[str, float]:
        """Return the parts and their total by name."""
        return {**asdict(self), "total": self.total}


class Combination(Protocol):
    """How answer and form make one reward."""

    def __call__(self, answer: float, problems: Sequence[str], trace: Trace) -> Parts:
        """Return the parts of one run's reward."""
        ...


class GroupTerm(Protocol):
    """Shaping that compares the runs of one question."""

    def __call__(self, group: Sequence[Trace], parts: Sequence[Parts]) -> list[float]:
        """Return what each run gets on top, in order."""
        ...


def always_valid(_trace: Trace) -> list[str]:
    """Find nothing wrong: the system has no rule for the form."""
    return []
