"""F1 over sets of words: DeepResearcher's answer term."""

from __future__ import annotations

import re
import string

from ...trace import Trace

_PUNCTUATION = re.compile(f"[{re.escape(string.punctuation)}]")


def words(text: str) -> set[str]:
    """Return the distinct words: lower case, punctuation as space, articles kept.

    >>> sorted(words("The U.S., the"))
    ['s', 'the', 'u']
    """
    return set(_PUNCTUATION.sub(" ", text.lower()).split())


def word_set_f1(trace: Trace) -> float:
    """Return the best F1 of the answer's word set over the gold answers.

    Source: DeepResearcher verl/utils/reward_score/format_and_f1.py:67-118.
    """
    said = words(trace.answer or "")
    return max((_f1(said, words(gold)) for gold in trace.golds), default=0.0)


def _f1(said: set[str], gold: set[str]) -> float:
    shared = len(said & gold)
    return 2 * shared / (len(said) + len(gold)) if shared else 0.0
