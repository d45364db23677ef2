"""Hybrid retrieval: two rankings fused by the ranks alone (reciprocal rank fusion)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

FUSION_K = 60
"""Constant of reciprocal rank fusion (Cormack, Clarke and Büttcher, SIGIR 2009)."""

DEPTH = 100
"""Places of each ranking that are fused."""


class Ranking(Protocol):
    """Ranks a corpus for a query."""

    def best(self, query: str, k: int) -> list[tuple[int, float]]:
        """Return at most `k` (position, score) pairs, best first."""
        ...


class HybridIndex:
    """Fuses the rankings of several indexes over the same corpus."""

    def __init__(self, rankings: Sequence[Ranking]) -> None:
        self._rankings = rankings

    @property
    def settings(self) -> Mapping[str, Any]:
        """What decides a fused ranking beside the indexes'."""
        return {"fusion_k": FUSION_K, "depth": DEPTH}

    def best(self, query: str, k: int) -> list[tuple[int, float]]:
        """Return at most `k` (position, fused score) pairs, best first."""
        if k < 1:
            return []
        depth = max(k, DEPTH)
        return fuse([one.best(query, depth) for one in self._rankings])[:k]


def fuse(rankings: Sequence[Sequence[tuple[int, float]]]) -> list[tuple[int, float]]:
    """Return positions with the sum of 1 / (60 + rank) over rankings, best first.

    >>> [place for place, _ in fuse([[(7, 9.0), (3, 1.0)], [(3, 0.8), (5, 0.7)]])]
    [3, 7, 5]
    """
    scores: dict[int, float] = {}
    for ranking in rankings:
        for rank, (place, _) in enumerate(ranking, 1):
            scores[place] = scores.get(place, 0.0) + 1 / (FUSION_K + rank)
    return sorted(scores.items(), key=lambda one: (-one[1], one[0]))
