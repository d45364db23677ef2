"""Progress of long work on a terminal: a bar with an ETA, or plain lines in a log."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from .rollout import RolloutProgress

LOG_SECONDS = 15.0
"""How often a line is printed when the output is no terminal."""


class Countable(Protocol):
    """Work that can be shown: `total` items, `already` finished earlier, `done` now."""

    total: int
    already: int
    done: int


class ProgressDisplay:
    """Shows how many items are done, and what `describe` says about them."""

    def __init__(self, what: str, console: Console, describe: Callable[[Any], str]) -> None:
        self._what = what
        self._describe = describe
        self._console = console
        self._last = 0.0
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[detail]}"),
            console=console,
        )
        self._task = self._bar.add_task(what, total=None, detail="")

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._console.is_terminal:
            self._bar.stop()

    def update(self, progress: Countable) -> None:
        """Show the state after one more item."""
        done = progress.already + progress.done
        detail = self._describe(progress)
        if self._console.is_terminal:
            self._bar.update(
                self._task, completed=done, total=progress.total, detail=detail
            )
        elif time.monotonic() - self._last > LOG_SECONDS or done == progress.total:
            self._last = time.monotonic()
            line = f"{self._what} {done}/{progress.total}, {detail}"
            self._console.print(line, markup=False, highlight=False)


class RolloutDisplay(ProgressDisplay):
    """Shows how many rollouts are done, what they cost and how long the rest will take."""

    def __init__(self, what: str, console: Console) -> None:
        super().__init__(what, console, describe)


def describe(progress: RolloutProgress) -> str:
    """Return tokens, searches, failures and the time left in words.

    >>> describe(RolloutProgress(10, searches=3, tokens=40))
    '3 searches, 40 tokens'
    """
    parts = [f"{progress.searches} searches", f"{progress.tokens} tokens"]
    if progress.failed_searches:
        parts.append(f"{progress.failed_searches} searches failed")
    if progress.failed:
        parts.append(f"{progress.failed} failed")
    if progress.eta is not None:
        parts.append(f"{duration(progress.eta)} left")
    return ", ".join(parts)


def duration(seconds: float) -> str:
    """Return a time as `minutes:seconds`, with hours before where there are any.

    >>> duration(65), duration(3600)
    ('1:05', '1:00:00')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
