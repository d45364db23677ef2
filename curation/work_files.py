"""The files that long work over questions or items keeps in its folder."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from ..graph.work_progress import WorkProgress
from .resumable import ResumableWork, check_settings, read_log

Item = TypeVar("Item")
Report = TypeVar("Report")


@dataclass(frozen=True)
class WorkFiles:
    """The files of one kind of work in a folder."""

    folder: Path
    name: str
    """What the work is called: the beginning of its files' names."""

    @property
    def log(self) -> Path:
        """Finished items."""
        return self.folder / f"{self.name}_log.jsonl"

    @property
    def failures(self) -> Path:
        """Items that failed last time."""
        return self.folder / f"{self.name}_failures.jsonl"

    @property
    def settings(self) -> Path:
        """What the work was started with."""
        return self.folder / f"{self.name}_settings.json"

    def finished(self) -> dict[str, dict[str, Any]]:
        """Return the finished items by name."""
        return read_log(self.log)

    def failed(self) -> dict[str, dict[str, Any]]:
        """Return the items that failed last time, by name."""
        return read_log(self.failures)

    def run(
        self,
        items: Sequence[Item],
        key: Callable[[Item], str],
        work: Callable[[Item], Awaitable[Mapping[str, Any]]],
        write: Callable[[], Report],
        *,
        settings: Mapping[str, Any],
        concurrency: int = 16,
        on_progress: Callable[[WorkProgress], None] | None = None,
    ) -> Report:
        """Do what is not in the log yet, then write the results.

        Args:
            items: see `ResumableWork` for these three.
            key: likewise.
            work: likewise.
            write: makes the results out of the log; called too when the work breaks off.
            settings: what a resumed run must not change.
            concurrency: items in work at once.
            on_progress: called after each item.

        Raises:
            ResumableError: the work was started with other settings, and nothing was
                done; or the model's server is down, and what was finished is kept.
        """
        job = ResumableWork(
            self.log,
            self.failures,
            key,
            work,
            concurrency=concurrency,
            on_progress=on_progress,
        )
        check_settings(self.settings, settings)
        try:
            asyncio.run(job.run(items))
        finally:
            report = write()
        return report
