"""How unlike each other the queries of a run are: O2-Searcher's query diversity.

Source of all: o2searcher/rewards/metrics/dv_reward.py, which rounds to two digits.
"""

from __future__ import annotations

from collections.abc import Sequence

from .similarity import Similarity

MAX_QUERIES = 20
"""Queries looked at."""

SAME_QUERY = 0.98
"""When all pairs are more alike than this, the queries are one."""

SAME_BASE, SAME_DECAY = 0.5, 0.2
"""Score of n queries that are one: base times decay to the power n - 1."""

FULL_QUERY_TOKENS, LEAST_LENGTH_FACTOR = 8, 0.1
"""Shorter queries count by their share of this length, at least by the factor."""


def query_diversity(asked: Sequence[str], similarity: Similarity) -> float:
    """Return how independent queries are, 0 to 1; 0 for fewer than two."""
    asked = asked[:MAX_QUERIES]
    count = len(asked)
    if count < 2:
        return 0.0
    matrix = similarity(asked, asked)
    others = [[matrix[i][j] for j in range(count) if j != i] for i in range(count)]
    if all(value > SAME_QUERY for row in others for value in row):
        return SAME_BASE * SAME_DECAY ** (count - 1)
    weight = _count_weight(count)
    scores = [
        weight * (1 - sum(row) / len(row)) * _length_factor(similarity.length(query))
        for row, query in zip(others, asked, strict=True)
    ]
    return min(1.0, max(0.0, sum(scores) / count))


def _count_weight(count: int) -> float:
    # Rises from 0.5 at 5 queries to 1 at 15, then falls from 0.88.
    if count <= 5:
        return 0.5
    return 0.5 + (count - 5) * 0.05 if count <= 15 else 0.9 - (count - 15) * 0.02


def _length_factor(tokens: int) -> float:
    return max(LEAST_LENGTH_FACTOR, min(1.0, tokens / FULL_QUERY_TOKENS))
