"""O2-Searcher's reward: exact match for closed questions, a composite for open-ended ones.

How an open-ended answer is measured: `evals/open_ended.py`, the same for an evaluation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...evals.findings import MATCH_THRESHOLD
from ...evals.open_ended import (
    F1_WEIGHT,
    FORMAT_WEIGHT,
    QUERY_WEIGHT,
    UNIT,
    score_open_ended,
)
from ...evals.similarity import Similarity
from ...questions import is_open_ended
from ...trace import Trace
from .base import Parts


@dataclass(frozen=True)
class OpenEnded:
    """The composite as a combination: the answer term is ignored, its parts are named.

    The tag penalties that the original computes are never applied there, and not here
    (verl/trainer/main_ppo.py:33-37).
    """

    similarity: Similarity | None = None
    """Compares sentences; the packaged sentence model if None, or words without it."""
    threshold: float = MATCH_THRESHOLD

    def __call__(self, answer: float, problems: Sequence[str], trace: Trace) -> Parts:
        scored = score_open_ended(trace, self.similarity, self.threshold)
        return Parts(
            answer=UNIT * F1_WEIGHT * scored.findings_f1,
            format=UNIT * FORMAT_WEIGHT * scored.format,
            shaping=UNIT * QUERY_WEIGHT * scored.query_diversity,
        )


@dataclass(frozen=True)
class OpenOrClosed:
    """Each question by its kind, so that one step may hold both (verl/trainer/main_ppo.py).

    Training on both avoids the collapse that training on closed questions alone shows
    (README of O2-Searcher).
    """

    open_ended: OpenEnded = OpenEnded()

    def __call__(self, answer: float, problems: Sequence[str], trace: Trace) -> Parts:
        if is_open_ended(trace.metadata):
            return self.open_ended(answer, problems, trace)
        return Parts(answer=answer)
