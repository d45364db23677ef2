"""Exact match, token F1 and containment of an answer against its gold answers."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

Normalization = Literal["squad", "punctuation_to_space"]
"""squad: ASCII punctuation is removed (SimpleDeepSearcher evaluate.py:59-69).
punctuation_to_space: it becomes a space, as in R1-Searcher's own scorer."""

_REMOVE_PUNCTUATION = str.maketrans("", "", string.punctuation)
_SPACE_PUNCTUATION = str.maketrans(dict.fromkeys(string.punctuation, " "))
_ARTICLES = re.compile(r"\b(a|an|the)\b")
_UNSPACED = (
    "\u0e00-\u0eff"  # Thai, Lao
    "\u1000-\u109f\u1780-\u17ff"  # Burmese, Khmer
    "\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff"  # kana and iteration marks
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han
)
"""Scripts written without spaces: there a character is a token. With white-space tokens
a Chinese answer would score 0 unless it is equal to the gold."""
_TOKEN = re.compile(rf"[{_UNSPACED}]|[^\s{_UNSPACED}]+")
_WIDE_PUNCTUATION = re.compile(
    r"[\u3001-\u3003\u3008-\u301f\uff01-\uff0f\uff1a-\uff20\u30fb]"
)
"""Punctuation of the East Asian scripts, which ASCII rules leave in place."""


@dataclass(frozen=True)
class Score:
    """How good an answer is, each from 0 to 1 and the best over the gold answers."""

    em: float = 0.0
    """1 when the normalised answer equals a normalised gold."""
    f1: float = 0.0
    """Token F1 as a multiset."""
    acc: float = 0.0
    """1 when a normalised gold is contained in the normalised answer."""


def normalize(text: str, normalization: Normalization = "squad") -> str:
    """Return text the way it is compared.

    Lower case, no punctuation, no articles, single spaces. A text that this would empty
    (the answer "A", or "+") keeps its articles, then its punctuation, so that it can
    still be told from another.

    >>> normalize("The  U.S.A.")
    'usa'
    >>> normalize("The  U.S.A.", "punctuation_to_space")
    'u s'
    >>> normalize("A")
    'a'
    """
    table = _REMOVE_PUNCTUATION if normalization == "squad" else _SPACE_PUNCTUATION
    lowered = text.lower()
    bare = _WIDE_PUNCTUATION.sub(" ", lowered.translate(table))
    for candidate in (_ARTICLES.sub(" ", bare), bare, lowered):
        words = candidate.split()
        if words:
            return " ".join(words)
    return ""


def tokens(normalized: str) -> list[str]:
    """Cut normalised text into words; in unspaced scripts a character is a word.

    >>> tokens("paris 巴黎")
    ['paris', '巴', '黎']
    """
    return _TOKEN.findall(normalized)


def score(
    prediction: str | None,
    golds: str | Sequence[str],
    normalization: Normalization = "squad",
) -> Score:
    """Score an answer against its gold answers.

    Args:
        prediction: the answer; None or empty scores 0.
        golds: accepted answers; one string is one gold.
        normalization: how both sides are normalised.

    Returns:
        The maximum over golds of each measure; all 0 without golds.

    >>> score("in Paris, France", ["Paris", "Lutetia"])
    Score(em=0.0, f1=0.5, acc=1.0)
    """
    answer = normalize(prediction or "", normalization)
    accepted = [golds] if isinstance(golds, str) else golds
    expected = [text for gold in accepted if (text := normalize(gold, normalization))]
    if not answer or not expected:
        return Score()
    return Score(
        em=float(any(answer == gold for gold in expected)),
        f1=max(token_f1(tokens(answer), tokens(gold)) for gold in expected),
        acc=float(any(gold in answer for gold in expected)),
    )


def outcome(prediction: str | None, golds: str | Sequence[str]) -> dict[str, float]:
    """Return `score` as a trace's `outcome` holds it: `em`, `f1` and `acc`."""
    return asdict(score(prediction, golds))


def token_f1(prediction: Sequence[str], gold: Sequence[str]) -> float:
    """Return the harmonic mean of token precision and recall, tokens as a multiset."""
    overlap = sum((Counter(prediction) & Counter(gold)).values())
    # 2PR/(P+R) in one division, so that equal token lists give exactly 1.
    return 2 * overlap / (len(prediction) + len(gold)) if overlap else 0.0
