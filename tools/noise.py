"""The noise curve of ZeroSearch: how often a simulated search engine misleads."""

from __future__ import annotations

from dataclasses import dataclass

NOISE_START = 0.0
NOISE_END = 0.5
"""Probability of misleading documents at the first and the last training step."""

NOISE_BASE = 4.0
"""Base of the curve (ZeroSearch llm_agent/generation.py:540-548)."""


@dataclass(frozen=True)
class NoiseSchedule:
    """How likely a simulated search engine answers with noise, over a training.

    start + (base^(step/steps) - 1) / (base - 1) * (end - start): slow at first, `end` at
    the last step.

    >>> [round(NoiseSchedule().at(step, 100), 3) for step in (0, 50, 100)]
    [0.0, 0.167, 0.5]
    """

    start: float = NOISE_START
    end: float = NOISE_END
    base: float = NOISE_BASE

    def at(self, step: int, steps: int) -> float:
        """Return the probability at a step; `start` outside a training (`steps` is 0)."""
        done = min(max(step / steps, 0.0), 1.0) if steps > 0 else 0.0
        rise = (self.base**done - 1) / (self.base - 1)
        return self.start + rise * (self.end - self.start)
