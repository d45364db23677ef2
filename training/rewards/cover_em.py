"""Cover exact match: the gold answer is contained in the answer."""

from __future__ import annotations

from ...evals import word_sets
from ...evals.metrics import normalize, score, tokens
from ...trace import Trace


def cover_em(trace: Trace) -> float:
    """Return 1 when a gold answer stands inside the answer, else 0.

    Source: R1-Searcher metric_calc_rule.py:79-102 (cover_em_2, a substring); ZeroSearch
    qa_em.py:83-90 calls it EM.
    """
    return score(trace.answer, trace.golds).acc


def cover_em_unordered(trace: Trace) -> float:
    """Return 1 when every word of a gold answer is in the answer, in any order.

    Source: R1-Searcher metric_calc_rule.py:79-102 (cover_em_1), the answer term of its
    first stage for Llama.
    """
    said = set(tokens(normalize(trace.answer or "", "punctuation_to_space")))
    golds = (tokens(normalize(g, "punctuation_to_space")) for g in trace.golds)
    return float(bool(said) and any(gold and set(gold) <= said for gold in golds))


def token_recall(trace: Trace) -> float:
    """Return the best share of a gold answer's words that the answer holds.

    Source: MaskSearch's metric, one of its two rewards.
    """
    return word_sets.token_recall(trace.answer, trace.golds)
