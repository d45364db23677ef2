"""One reward from its terms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ...trace import Trace
from .base import AnswerTerm, Combination, GroupTerm, Parts, Validator, always_valid
from .judge_verdict import judge_verdict
from .penalty import PenalizeInvalid

PENALIZE = PenalizeInvalid()
"""The answer's score, -2 for a broken form; without a validator the score alone."""


@dataclass(frozen=True)
class Reward:
    """A system's reward.

    >>> from .exact_match import exact_match
    >>> Reward("mine", exact_match, source="me").needs_judge
    False
    """

    name: str
    answer: AnswerTerm
    validator: Validator = always_valid
    combine: Combination = PENALIZE
    group: tuple[GroupTerm, ...] = ()
    source: str = ""
    """The system and where its reward is written down."""

    @property
    def needs_judge(self) -> bool:
        """Whether traces must carry a judge's verdict."""
        return self.answer is judge_verdict

    def one(self, trace: Trace) -> Parts:
        """Return a run's reward without what depends on its group."""
        return self.combine(self.answer(trace), self.validator(trace), trace)

    def score(self, group: Sequence[Trace]) -> list[Parts]:
        """Return the rewards of the runs of one question, in order.

        Raises:
            RewardError: a trace lacks what a term needs.
        """
        parts = [self.one(trace) for trace in group]
        added = [term(group, parts) for term in self.group]
        return [
            replace(part, shaping=part.shaping + sum(term[index] for term in added))
            for index, part in enumerate(parts)
        ]

    def with_terms(self, *terms: GroupTerm) -> Reward:
        """Return the reward with more group terms."""
        return replace(self, group=(*self.group, *terms))
