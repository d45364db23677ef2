"""A weighted sum of answer and form: WebDancer's 0.9 and 0.1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...trace import Trace
from .base import Parts

ANSWER_WEIGHT = 0.9
"""Weight of the judge's verdict (WebDancer, section on DAPO)."""

FORMAT_WEIGHT = 0.1
"""Weight of the form (the same)."""


@dataclass(frozen=True)
class WeightedFormat:
    """`answer` times the answer's score plus `format` for a valid form."""

    answer: float = ANSWER_WEIGHT
    format: float = FORMAT_WEIGHT

    def __call__(self, answer: float, problems: Sequence[str], trace: Trace) -> Parts:
        return Parts(answer=self.answer * answer, format=0.0 if problems else self.format)
