"""Outcome: was the answer right, by gold answers or by a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ...nodes.dialects import Dialect
from ...trace import Trace
from .base import Dimension

MEASURES = ("acc", "judge", "user")
"""Entries of `Trace.outcome` in the order they are asked; `acc` is the reference's measure
(evaluate.py:90), a judge's or a user's verdict stands in where there are no golds."""

CORRECT_FROM = 0.5
"""A score from here on means correct; all measures are 0 or 1, a judge's may be between."""


def is_correct(trace: Trace, measures: Sequence[str] = MEASURES) -> bool | None:
    """Return whether the answer is right, None when nothing says so."""
    for measure in measures:
        if measure in trace.outcome:
            return trace.outcome[measure] >= CORRECT_FROM
    return None


def asked_first(measure: str, measures: Sequence[str]) -> tuple[str, ...]:
    """Return measures in their order, but one of them first.

    >>> asked_first("user", ("acc", "judge", "user"))
    ('user', 'acc', 'judge')
    """
    return (measure, *(other for other in measures if other != measure))


@dataclass(frozen=True)
class Correct:
    """The answer must be right by the first measure there is."""

    name: ClassVar[str] = "correct"
    dimension: ClassVar[Dimension] = "outcome"
    source: ClassVar[str] = (
        "SimpleDeepSearcher response_curation.py:413-423; evaluate.py:90"
    )

    measures: tuple[str, ...] = MEASURES

    def reason(self, trace: Trace, dialect: Dialect) -> str | None:
        verdict = is_correct(trace, self.measures)
        if verdict is None:
            return "no gold answer and no judge's or user's verdict"
        return None if verdict else f"wrong answer {trace.answer!r}"


@dataclass(frozen=True)
class ExactMatch:
    """A gold answer inside a longer answer is not enough: acc 1 and em 0 is dropped."""

    name: ClassVar[str] = "exact_match"
    dimension: ClassVar[Dimension] = "outcome"
    source: ClassVar[str] = "SimpleDeepSearcher format_filter.py:150-151 (ans_em_error)"

    def reason(self, trace: Trace, dialect: Dialect) -> str | None:
        outcome = trace.outcome
        if outcome.get("acc") == 1 and outcome.get("em") == 0:
            return f"{trace.answer!r} holds a gold answer but is none"
        return None
