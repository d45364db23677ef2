"""The group rule: the right run with the fewest searches earns more (R1-Searcher++)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import pvariance

from ...trace import Trace
from .base import Parts

SPREAD_FACTOR = 2.0
"""Factor of the variance of the search counts [secondary, unverified]."""

CLIP = 2.0
"""Most that the rule gives (R1-Searcher++, eta) [secondary]."""


@dataclass(frozen=True)
class FewestSearches:
    """Reward the right runs that searched least, by the spread of the search counts.

    Only runs whose answer is right and whose form is not penalised take part; a group
    in which all of them searched alike gets nothing.
    """

    factor: float = SPREAD_FACTOR
    clip: float = CLIP

    def __call__(self, group: Sequence[Trace], parts: Sequence[Parts]) -> list[float]:
        right = [
            index
            for index, part in enumerate(parts)
            if part.answer > 0 and part.format >= 0
        ]
        counts = [group[index].usage.searches for index in right]
        if not counts:
            return [0.0] * len(group)
        bonus = min(self.clip, self.factor * pvariance(counts))
        best = {i for i, count in zip(right, counts, strict=True) if count == min(counts)}
        return [bonus if index in best else 0.0 for index in range(len(group))]
