"""Measures over the distinct words of an answer, by which two systems print their tables.

Beside `metrics.py`, whose token F1 counts a word as often as it stands there.
"""

from __future__ import annotations

import re
import string
from collections.abc import Sequence

from .metrics import normalize, tokens

_PUNCTUATION = re.compile(f"[{re.escape(string.punctuation)}]")


def token_recall(prediction: str | None, golds: Sequence[str]) -> float:
    """Return the best share of a gold answer's words that the answer holds, 0 to 1.

    Source: MaskSearch's measure, and one of its two rewards.

    >>> token_recall("in New York", ["New York City"])
    0.6666666666666666
    """
    said = set(tokens(normalize(prediction or "")))
    expected = [tokens(normalize(gold)) for gold in golds]
    shares = [sum(t in said for t in gold) / len(gold) for gold in expected if gold]
    return max(shares, default=0.0)


def word_set_f1(prediction: str | None, golds: Sequence[str]) -> float:
    """Return the best F1 of the answer's words over the gold answers', 0 to 1.

    Source: DeepResearcher verl/utils/reward_score/format_and_f1.py:67-118.

    >>> word_set_f1("the cat cat", ["the cat"])
    1.0
    """
    said = distinct_words(prediction or "")
    return max((_f1(said, distinct_words(gold)) for gold in golds), default=0.0)


def distinct_words(text: str) -> set[str]:
    """Return the distinct words: lower case, punctuation as space, articles kept.

    >>> sorted(distinct_words("The U.S., the"))
    ['s', 'the', 'u']
    """
    return set(_PUNCTUATION.sub(" ", text.lower()).split())


def _f1(said: set[str], gold: set[str]) -> float:
    shared = len(said & gold)
    return 2 * shared / (len(said) + len(gold)) if shared else 0.0
