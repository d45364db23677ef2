"""A fixed penalty for a run whose form is broken: the -2 and -1 rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...trace import Trace
from .base import Parts

PENALTY = -2.0
"""SimpleDeepSearcher appendix D; R1-Searcher reward_server_qwen_zero.py:183-250 and the
README of its second stage; R1-Searcher++ section 3 [secondary]."""

LIGHT_PENALTY = -1.0
"""DeepResearcher format_and_f1.py:67-118; R1-Searcher's second stage in code."""


@dataclass(frozen=True)
class PenalizeInvalid:
    """The answer's score, or a penalty when anything is wrong with the form.

    Args:
        penalty: what a broken form costs.
        keeps_answer: whether the answer's score stays beside the penalty (R1-Searcher),
            or the penalty stands in its place (DeepResearcher; for SimpleDeepSearcher
            the reading of appendix D taken here, unverified).
    """

    penalty: float = PENALTY
    keeps_answer: bool = False

    def __call__(self, answer: float, problems: Sequence[str], trace: Trace) -> Parts:
        if not problems:
            return Parts(answer=answer)
        kept = answer if self.keeps_answer else 0.0
        return Parts(answer=kept, format=self.penalty)
