"""An event loop that skips idle time and counts work as the CPU time it takes.

On it a simulated hour of waiting takes no time, and what other programs do on the machine
does not show: time passes only while this process computes (threads added up), or is
skipped when every task waits for a timer. It is right where all services a program
talks to live on the same loop, so that bytes are there as soon as they are sent.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")

REAL_SHARE, REAL_WAIT = 0.2, 0.02
"""Share of a wait that is waited in earnest before it is skipped, and at most how many
seconds: what is skipped by mistake stays small beside what was waited for."""


class IdleClock:
    """The time that such a loop shows."""

    def __init__(self) -> None:
        self.skipped = 0.0

    def time(self) -> float:
        """Return seconds: CPU time of the process and what was skipped."""
        return time.process_time() + self.skipped


class _SkippingSelector(selectors.DefaultSelector):
    """Skips a wait in which nothing can happen."""

    def __init__(self, clock: IdleClock) -> None:
        super().__init__()
        self._clock = clock
        self.jobs = 0
        """Worker threads' jobs under way; their time is not idle."""

    def select(self, timeout: float | None = None) -> list[Any]:
        events = super().select(0)
        if events or (timeout is not None and timeout <= 0):
            return events
        # Bytes sent on this machine take a moment to arrive, longer on a busy one.
        wait = REAL_WAIT if timeout is None else timeout * REAL_SHARE
        events = super().select(min(REAL_WAIT, wait))
        if not (events or self.jobs or timeout is None):
            self._clock.skipped += timeout
        return events


class IdleSkippingLoop(asyncio.SelectorEventLoop):
    """The event loop; `time()` is the clock's."""

    def __init__(self) -> None:
        self.clock = IdleClock()
        self._skipping = _SkippingSelector(self.clock)
        super().__init__(self._skipping)

    def time(self) -> float:
        return self.clock.time()

    def run_in_executor(
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        future = super().run_in_executor(executor, func, *args)
        self._skipping.jobs += 1
        future.add_done_callback(self._job_done)
        return future

    def _job_done(self, _future: asyncio.Future[Any]) -> None:
        self._skipping.jobs -= 1


def run(work: Coroutine[Any, Any, Result], *, skips_idle: bool = True) -> Result:
    """Run a coroutine on such a loop, or on an ordinary one."""
    factory = IdleSkippingLoop if skips_idle else None
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(work)
