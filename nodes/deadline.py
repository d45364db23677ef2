"""Deadline: a turn under way ends when the run's seconds are spent.

Looked at with every token that comes. A server that sends none is waited for as long as its
client waits (`DEEPSEARCH_IDLE_SECONDS`).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from .models.base import CutFunction, Generation


class Deadline:
    """A dialect's cut that also cuts where the time is up."""

    def __init__(
        self, cut: CutFunction, run: Mapping[str, Any], counts: Mapping[str, Any]
    ) -> None:
        """Make the cut; the clock starts now.

        Args:
            cut: tells where the first complete action ends.
            run: what was fixed for the run.
            counts: what it has spent.
        """
        limit = run["limits"]["seconds"]
        left = float("inf") if limit is None else limit - counts["seconds"]
        self._cut = cut
        self._until = time.monotonic() + left
        self.has_passed = False
        """Whether it cut a turn off."""

    def __call__(self, text: str) -> int | None:
        """Return where the text is to be cut, None where the model may go on."""
        end = self._cut(text)
        if end is None and time.monotonic() >= self._until:
            self.has_passed = True
            return len(text)
        return end

    def settle(self, generation: Generation) -> Generation:
        """Return the generation; one that was cut off is torn like one at a token limit."""
        if not self.has_passed:
            return generation
        return replace(generation, finish_reason="length")
