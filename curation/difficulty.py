"""Difficulty: questions that are nearly always answered teach little."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import ClassVar

HISTOGRAM_BINS = 10
"""Bins of the accuracy histogram, each 0.1 wide; a ratio of 1 is in the last."""


@dataclass(frozen=True)
class Difficulty:
    """Drops questions by the share of their rollouts that is correct.

    The draw of a nearly always answered question depends on its id and the seed alone, so
    it is the same whatever the order of the file (the reference draws in order). A ratio
    over fewer than `min_rollouts` judged rollouts says nothing and drops nothing: with one
    rollout every correct question has ratio 1, and the reference drops most of them.

    Attributes:
        easy_from: a ratio above this is nearly always right.
        drop_probability: share of those questions that is dropped.
        seed: of the draw.
        min_rollouts: judged rollouts a question needs to be dropped.
        min_ratio: questions below this are dropped too; 0 for none.
        max_ratio: questions above this are dropped; 1 for none.
    """

    name: ClassVar[str] = "difficulty"
    source: ClassVar[str] = "SimpleDeepSearcher response_curation.py:12, 454-471"

    easy_from: float = 1 - 1e-5
    drop_probability: float = 0.8
    seed: int = 42
    min_rollouts: int = 2
    min_ratio: float = 0.0
    max_ratio: float = 1.0

    def reason(self, question_name: str, correct: int, judged: int) -> str | None:
        """Return why a question goes, None to keep it."""
        if judged < self.min_rollouts:
            return None
        ratio = correct / judged
        said = f"{correct} of {judged} rollouts correct"
        if not self.min_ratio <= ratio <= self.max_ratio:
            return f"{said}, outside {self.min_ratio} to {self.max_ratio}"
        if ratio > self.easy_from and self._draw(question_name) < self.drop_probability:
            return f"{said}: too easy (dropped with probability {self.drop_probability})"
        return None

    def _draw(self, question_name: str) -> float:
        digest = sha256(f"{self.seed}\0{question_name}".encode()).digest()
        return int.from_bytes(digest[:8], "big") / 2**64


def histogram(ratios: Sequence[float]) -> dict[str, int]:
    """Count ratios in bins of 0.1.

    >>> histogram([0.0, 0.5, 1.0])["0.9-1.0"]
    1
    """
    bins = [0] * HISTOGRAM_BINS
    for ratio in ratios:
        bins[min(int(ratio * HISTOGRAM_BINS), HISTOGRAM_BINS - 1)] += 1
    return {
        f"{i / HISTOGRAM_BINS:.1f}-{(i + 1) / HISTOGRAM_BINS:.1f}": count
        for i, count in enumerate(bins)
    }
