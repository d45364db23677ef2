"""Credit for searching and for form: R1-Searcher's first stage."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ...trace import Trace
from .base import Parts
from .formats import r1_searcher_searched

RETRIEVAL_REWARD = 0.5
"""At least one well-formed search (R1-Searcher, Llama stage 1, reward server :155-200)."""

FORM_REWARD = 0.5
"""Thought and answer well formed (the same)."""

WRONG = -1.0
"""A wrong answer; a right one gives 1 (the same)."""


@dataclass(frozen=True)
class EarnedFormat:
    """1 or -1 for the answer, a half for a well-formed search, a half for the form."""

    retrieval: float = RETRIEVAL_REWARD
    form: float = FORM_REWARD
    wrong: float = WRONG
    searched: Callable[[Trace], bool] = r1_searcher_searched
    """Whether a run holds a well-formed search; that the engine failed is not its fault."""

    def __call__(self, answer: float, problems: Sequence[str], trace: Trace) -> Parts:
        return Parts(
            answer=answer or self.wrong,
            format=0.0 if problems else self.form,
            shaping=self.retrieval if self.searched(trace) else 0.0,
        )
