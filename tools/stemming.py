"""From text to the terms that BM25 compares.

The stemmer only joins plural and singular (Harman 1991, "How effective is suffixing?",
the S-stemmer), needs no package, and rarely joins two different names, which matter most
in multi-hop questions.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

TERMS_VERSION = 1
"""Part of a stored index's key: raise it when `terms` gives other terms."""

_ACCENT = re.compile("[\u0300-\u036f]+")

_TERM = re.compile(
    r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\W\u3040-\u30ff\u3400-\u9fff]+"
)
"""One CJK character (those scripts write no spaces), or a run of letters and digits."""


def terms(text: str) -> list[str]:
    """Return the terms of a text, in order.

    Case, accents and plural endings are folded.

    >>> terms("Béla's cities")
    ['bela', 's', 'city']
    """
    folded = text.lower()
    if not folded.isascii():
        folded = _ACCENT.sub("", unicodedata.normalize("NFKD", folded))
    return [stem(word) for word in _TERM.findall(folded)]


@lru_cache(maxsize=200_000)
def stem(word: str) -> str:
    """Return an English noun's singular by Harman's three rules; the first that fits.

    >>> [stem(word) for word in ("queries", "horses", "films", "glass", "corpus")]
    ['query', 'horse', 'film', 'glass', 'corpus']
    """
    if len(word) < 4 or word[-1] != "s":
        return word
    if word.endswith("ies"):
        return word if word[-4] in "ae" else word[:-3] + "y"
    if word.endswith("es"):
        return word if word[-3] in "aeo" else word[:-1]
    return word if word[-2] in "us" else word[:-1]
