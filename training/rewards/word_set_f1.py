"""F1 over sets of words: DeepResearcher's answer term."""

from __future__ import annotations

from ...evals import word_sets
from ...trace import Trace


def word_set_f1(trace: Trace) -> float:
    """Return the best F1 of the answer's word set over the gold answers.

    Source: DeepResearcher verl/utils/reward_score/format_and_f1.py:67-118.
    """
    return word_sets.word_set_f1(trace.answer, trace.golds)
