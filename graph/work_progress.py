"""Where long work stands: how much is done, and when the rest will be."""

from __future__ import annotations

import time
from dataclasses import dataclass, field


@dataclass
class WorkProgress:
    """Where the work stands."""

    total: int
    already: int = 0
    """Finished before this run started."""
    done: int = 0
    failed: int = 0
    started: float = field(default_factory=time.monotonic)

    @property
    def eta(self) -> float | None:
        """Seconds left at the rate so far, None before the first is done."""
        if not self.done:
            return None
        left = self.total - self.already - self.done - self.failed
        return (time.monotonic() - self.started) / self.done * left
