"""Stages of a long run: each leaves its result in the run directory and is done once.

`stages.json` says which stages are finished, when each began, and how long it took over
all attempts, those that were killed included.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .run_lock import run_lock

STAGES_FILE = "stages.json"
"""Name in the run directory."""

CLOCK_SECONDS = 10.0
"""How often a stage's time is written while it is under way; a kill loses no more."""


class StageLog:
    """The stages of one run directory.

    Args:
        directory: where the file lies.
        say: prints a line; it is given one for each stage that begins.
    """

    def __init__(self, directory: Path, say: Callable[[str], None]) -> None:
        self._path = directory / STAGES_FILE
        self._say = say
        self._writing = threading.Lock()

    def run(self, name: str, work: Callable[[], None]) -> None:
        """Do a stage unless it is done; remember how long it took, over all attempts.

        Raises:
            BusyError: another process does a stage of the directory.
        """
        with run_lock(self._path):
            known = self.read().get(name, {})
            if "finished" in known:
                return
            self._say(f"── {name}")
            began = datetime.now(UTC).isoformat(timespec="seconds")
            self.note(name, began=known.get("began", began))
            with self._timed(name, known.get("seconds", 0.0)):
                work()
                self.note(name, finished=True)

    @contextmanager
    def _timed(self, name: str, spent: float) -> Iterator[None]:
        """Keep a stage's time up to date while it is under way."""
        started, ended = time.monotonic(), threading.Event()

        def note() -> None:
            self.note(name, seconds=spent + time.monotonic() - started)

        def tick() -> None:
            while not ended.wait(CLOCK_SECONDS):
                note()

        clock = threading.Thread(target=tick, daemon=True)
        clock.start()
        try:
            yield
        finally:
            ended.set()
            clock.join()
            note()

    def read(self) -> dict[str, dict[str, Any]]:
        """Return stage to what is known of it, in the order they began."""
        if not self._path.is_file():
            return {}
        return json.loads(self._path.read_text(encoding="utf-8"))

    def note(self, name: str, **values: Any) -> None:
        """Remember something of a stage."""
        with self._writing:
            known = self.read()
            known[name] = {**known.get(name, {}), **values}
            self._path.parent.mkdir(parents=True, exist_ok=True)
            partial = self._path.with_suffix(".partial")
            partial.write_text(json.dumps(known, indent=2) + "\n", encoding="utf-8")
            partial.replace(self._path)

    @property
    def seconds(self) -> float:
        """Time that all stages took."""
        return sum(stage.get("seconds", 0.0) for stage in self.read().values())
