"""Exact match: Search-R1, ReSearch's headline, O2-Searcher's closed questions."""

from __future__ import annotations

from ...evals.metrics import score
from ...trace import Trace


def exact_match(trace: Trace) -> float:
    """Return 1 when the normalised answer is a gold answer, else 0.

    Source: Search-R1 verl/utils/reward_score/qa_em.py; O2-Searcher's closed reward.
    """
    return score(trace.answer, trace.golds).em
