"""A soft penalty for runs near the length limit: DAPO's overlong shaping."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...trace import Trace
from .base import Parts

CACHE_SHARE = 0.2
"""Share of the limit in which the penalty rises: 4,096 of 20,480 tokens (DAPO, section
3.4 and 4.1)."""


@dataclass(frozen=True)
class SoftOverlong:
    """0 up to `limit` less the cache, then down to -1 at the limit and beyond.

    Args:
        limit: tokens the model may write in a run.
        cache: tokens before the limit in which the penalty rises; None: a fifth of it.
    """

    limit: int
    cache: int | None = None

    def __call__(self, group: Sequence[Trace], parts: Sequence[Parts]) -> list[float]:
        return [self._penalty(trace.usage.completion_tokens) for trace in group]

    def _penalty(self, tokens: int) -> float:
        cache = self.cache or max(1, round(self.limit * CACHE_SHARE))
        over = tokens - (self.limit - cache)
        return -min(1.0, max(0.0, over / cache))
