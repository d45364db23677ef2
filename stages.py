"""Stages of a long run: each leaves its result in the run directory and is done once.

`stages.json` says which stages are finished and how long each took, over all attempts.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

STAGES_FILE = "stages.json"
"""Name in the run directory."""


class StageLog:
    """The stages of one run directory.

    Args:
        directory: where the file lies.
        say: prints a line; it is given one for each stage that begins.
    """

    def __init__(self, directory: Path, say: Callable[[str], None]) -> None:
        self._path = directory / STAGES_FILE
        self._say = say

    def run(self, name: str, work: Callable[[], None]) -> None:
        """Do a stage unless it is done; remember how long it took, over all attempts."""
        if "finished" in self.read().get(name, {}):
            return
        self._say(f"── {name}")
        started = time.monotonic()
        try:
            work()
            self.note(name, finished=True)
        finally:
            spent = self.read().get(name, {}).get("seconds", 0.0)
            self.note(name, seconds=spent + time.monotonic() - started)

    def read(self) -> dict[str, dict[str, Any]]:
        """Return stage to what is known of it, in the order they began."""
        if not self._path.is_file():
            return {}
        return json.loads(self._path.read_text(encoding="utf-8"))

    def note(self, name: str, **values: Any) -> None:
        """Remember something of a stage."""
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
