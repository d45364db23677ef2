"""Token F1 as a multiset: SimpleDeepSearcher, R1-Searcher, ReSearch, ZeroSearch."""

from __future__ import annotations

from ...evals.metrics import Normalization, score
from ...trace import Trace


def token_f1(trace: Trace) -> float:
    """Return the best token F1 over the gold answers, punctuation removed.

    Source: paper appendix D; ReSearch re_search.py:149-179; ZeroSearch
    `trainer.reward_function=f1`.
    """
    return _f1(trace, "squad")


def token_f1_spaced(trace: Trace) -> float:
    """Return the same with punctuation as a space, R1-Searcher's normalisation.

    Source: R1-Searcher reward_server_qwen_zero.py:183-250.
    """
    return _f1(trace, "punctuation_to_space")


def _f1(trace: Trace, normalization: Normalization) -> float:
    return score(trace.answer, trace.golds, normalization).f1
