"""What a report knows of a run directory: its evaluations and the files beside them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .evaluation import EvaluationError

TRACE_FILES = {"result": "traces.jsonl"}
"""Trace file of a column; otherwise it is the column's name with `.jsonl`."""


@dataclass(frozen=True)
class RunDirectory:
    """A run directory's files, read."""

    path: Path
    evaluation: Mapping[str, Any]
    traces: Mapping[str, Path]
    """Trace files of columns that lie elsewhere."""

    def trace_file(self, column: str) -> Path:
        """Return where the runs of a column are."""
        own = self.path / TRACE_FILES.get(column, f"{column}.jsonl")
        return self.traces.get(column, own)

    @property
    def columns(self) -> dict[str, Mapping[str, Any]]:
        """Evaluations by name in the file's order.

        Of a comparison, means are those whose difference is given: over the questions that
        both have (a judge may have left some without a verdict), each counted once.
        """
        return {
            name: {**value, **self._shared_means(name)}
            for name, value in self.evaluation.items()
            if isinstance(value, dict) and {"f1", "n", "engine"} <= set(value)
        }

    def _shared_means(self, column: str) -> dict[str, float]:
        difference = self.evaluation.get("difference") or {}
        return {
            measure: change[column]
            for measure, change in difference.items()
            if column in ("before", "after") and column in change
        }

    @property
    def has_closed(self) -> bool:
        """Whether any question of what is compared had an answer to be right about."""
        return any(self.columns[name]["n"] for name in self.compared)

    @property
    def compared(self) -> list[str]:
        """The columns of plots and examples: before and after, else the first."""
        names = [name for name in ("before", "after") if name in self.columns]
        return names or list(self.columns)[:1]

    def optional(self, *names: str) -> Any:
        """Return the content of the first JSON file that is there, None without any."""
        for name in names:
            if (self.path / name).is_file():
                return read_json(self.path / name)
        return None


def read_json(path: Path) -> Any:
    """Return the content of a file.

    Raises:
        EvaluationError: it is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        msg = f"{path} is not JSON ({error}); mend it or write it again"
        raise EvaluationError(msg) from error
