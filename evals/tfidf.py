"""Cosine similarity of TF-IDF vectors."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

_WORD = re.compile(r"\w\w+")


def tfidf_similarity(left: Sequence[str], right: Sequence[str]) -> list[list[float]]:
    """Return the matrix of similarities of two lists of texts, each 0 to 1.

    Weights are of both lists together; see `tfidf_matrix`.
    """
    vectors = _vectors([*left, *right])
    return [
        [_dot(one, other) for other in vectors[len(left) :]] for one in vectors[: len(left)]
    ]


def tfidf_matrix(texts: Sequence[str]) -> list[list[float]]:
    """Return the similarities of every two texts of a list, each 0 to 1.

    Terms are words of two letters or more; their weight is smoothed as scikit-learn's
    `TfidfVectorizer` does, which O2-Searcher's diversity is computed with.
    """
    vectors = _vectors(texts)
    return [[_dot(one, other) for other in vectors] for one in vectors]


def _vectors(texts: Sequence[str]) -> list[dict[str, float]]:
    bags = [Counter(_WORD.findall(text.lower())) for text in texts]
    seen = Counter(word for bag in bags for word in bag)
    total = len(bags)
    weight = {word: math.log((1 + total) / (1 + n)) + 1 for word, n in seen.items()}
    return [_unit({word: n * weight[word] for word, n in bag.items()}) for bag in bags]


def _unit(vector: dict[str, float]) -> dict[str, float]:
    norm = math.sqrt(sum(value * value for value in vector.values()))
    return {word: value / norm for word, value in vector.items()}


def _dot(one: dict[str, float], other: dict[str, float]) -> float:
    shared = one.keys() & other.keys()
    return min(1.0, sum(one[word] * other[word] for word in shared))
