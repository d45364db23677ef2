"""Interrogative words of a question: how many things it asks about."""

from __future__ import annotations

import re

INTERROGATIVES = frozenset(
    "who whom whose where what when how why which whether is are do does was were".split()
)
"""The words that SimpleDeepSearcher counts (units_count.py:9); every occurrence counts."""

_WORD = re.compile(r"\w+")


def count_interrogatives(question: str) -> int:
    """Return how many interrogative words a question has, whole words in any case.

    >>> count_interrogatives("Who is older, and what is Whoever's age?")
    4
    """
    words = _WORD.findall(question.lower())
    return sum(word in INTERROGATIVES for word in words)
