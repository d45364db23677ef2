"""A right answer that is short: R1-Searcher++'s answer term."""

from __future__ import annotations

from ...trace import Trace
from .cover_em import cover_em

MAX_WORDS = 10
"""A longer answer is not right (R1-Searcher++ section 3) [secondary]."""


def short_cover_em(trace: Trace) -> float:
    """Return 1 when a gold answer stands in an answer of at most ten words, else 0."""
    is_short = len((trace.answer or "").split()) <= MAX_WORDS
    return cover_em(trace) if is_short else 0.0
