"""Repeats a call that failed for a passing reason."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from .base import ToolError

Result = TypeVar("Result")

RETRIES = 2
"""Further attempts after the first; the reference makes 20, also for a refused key."""

FIRST_WAIT = 0.5
LONGEST_WAIT = 8.0
"""Seconds before the first and at most before any further attempt; doubled in between."""


async def with_retries(
    attempt: Callable[[], Awaitable[Result]],
    *,
    retries: int = RETRIES,
    first_wait: float = FIRST_WAIT,
) -> Result:
    """Await `attempt()`, again after a wait while it fails with a retryable error.

    Raises:
        ToolError: the last attempt's error, or at once one that is not retryable.
    """
    wait = first_wait
    for left in range(retries, -1, -1):
        try:
            return await attempt()
        except ToolError as error:
            if left == 0 or not error.retryable:
                raise
            asked = getattr(error, "retry_after", None)
        # Jitter keeps many rollouts that were refused together from returning together.
        pause = wait * random.uniform(0.5, 1.0) if asked is None else asked
        await asyncio.sleep(min(pause, LONGEST_WAIT))
        wait *= 2
    msg = "retries must not be negative"
    raise ValueError(msg)
