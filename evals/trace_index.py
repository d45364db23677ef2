"""Where each trace of a file starts, and what a list of them shows.

A file of 100,000 traces does not fit a browser and need not fit memory: the index keeps a
few words of each and reads the whole trace when it is asked for.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ..json_lines import is_whole
from .metrics import score

Grade = Literal["right", "partly", "wrong", "unscored"]
"""right: F1 is 1. partly: between. wrong: 0. unscored: no gold answer and no outcome."""

QUESTION_CHARACTERS = 300
"""Of a question kept for the list."""


@dataclass(frozen=True, slots=True)
class TraceEntry:
    """A trace as a list shows it, and where it stands in the file."""

    offset: int
    length: int
    """In bytes."""
    question: str
    answer: str
    id: str
    grade: Grade
    f1: float | None
    stop_reason: str
    searches: int
    tokens: int
    kind: str

    def matches(self, text: str, grade: str, stop: str) -> bool:
        """Return whether the entry passes the filters; an empty one passes all."""
        if (grade and self.grade != grade) or (stop and self.stop_reason != stop):
            return False
        return not text or text in f"{self.question}\n{self.answer}\n{self.id}".lower()

    def to_json(self, number: int) -> dict[str, Any]:
        """Return what the list shows."""
        shown = (name for name in self.__slots__ if name not in ("offset", "length"))
        return {"number": number, **{name: getattr(self, name) for name in shown}}


class TraceIndex:
    """The traces of one file, in order; grows with it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.entries: list[TraceEntry] = []
        self.broken: list[int] = []
        """Numbers of lines that are no traces."""
        self._end = 0
        self._lines = 0
        self._file_id: tuple[int, int] | None = None
        self._growing = threading.Lock()

    @property
    def complete(self) -> bool:
        """Whether no more of the file is being read."""
        return not self._growing.locked()

    def grow(self) -> None:
        """Read what the file holds beyond the part known; does nothing while under way."""
        if not self._growing.acquire(blocking=False):
            return
        try:
            self._reset_if_replaced()
            with self.path.open("rb") as file:
                file.seek(self._end)
                for line in file:
                    if not is_whole(line):
                        break  # a write under way
                    self._add(line)
        finally:
            self._growing.release()

    def grow_in_background(self) -> None:
        """Start `grow` in a thread of its own when the file has something new."""
        if self.complete and self._has_changed():
            threading.Thread(target=self.grow, daemon=True).start()

    def find(
        self,
        *,
        text: str = "",
        grade: str = "",
        stop: str = "",
        start: int = 0,
        limit: int = 100,
    ) -> dict[str, Any]:
        """Return one page of the entries that pass the filters.

        Returns:
            `rows` of the page; `matched` and `total` entries; `stops`, how often each
            stop reason occurs; `broken` lines; and whether the index is `complete`.
        """
        wanted = text.lower().strip()
        entries = list(self.entries)
        found = [n for n, entry in enumerate(entries) if entry.matches(wanted, grade, stop)]
        return {
            "rows": [entries[n].to_json(n) for n in found[start : start + limit]],
            "matched": len(found),
            "total": len(entries),
            "stops": dict(Counter(entry.stop_reason for entry in entries).most_common()),
            "broken": self.broken[:20],
            "complete": self.complete,
        }

    def read(self, number: int) -> bytes:
        """Return a trace's JSON.

        Raises:
            IndexError: there is no such trace.
        """
        if number < 0:
            raise IndexError(number)
        entry = self.entries[number]
        with self.path.open("rb") as file:
            file.seek(entry.offset)
            return file.read(entry.length).rstrip(b"\n")

    def _has_changed(self) -> bool:
        status = self.path.stat()
        known = (status.st_dev, status.st_ino)
        return known != self._file_id or status.st_size != self._end

    def _reset_if_replaced(self) -> None:
        status = self.path.stat()
        current = (status.st_dev, status.st_ino)
        if current != self._file_id or status.st_size < self._end:
            self.entries, self.broken, self._end, self._lines = [], [], 0, 0
            self._file_id = current

    def _add(self, line: bytes) -> None:
        offset, self._end = self._end, self._end + len(line)
        number = self._lines + 1
        self._lines += line.endswith(b"\n")
        if not line.strip():
            return
        try:
            self.entries.append(_entry(json.loads(line), offset, len(line)))
        except (ValueError, KeyError, TypeError, AttributeError):
            self.broken.append(number)


def holds_trace(path: Path) -> bool:
    """Return whether there is a whole trace in a file; reads no further than the first."""
    with path.open("rb") as file:
        return any(_is_trace(line) for line in file if is_whole(line))


def _is_trace(line: bytes) -> bool:
    try:
        _entry(json.loads(line), 0, len(line))
    except (ValueError, KeyError, TypeError, AttributeError):
        return False
    return True


def _entry(trace: Mapping[str, Any], offset: int, length: int) -> TraceEntry:
    usage = trace.get("usage", {})
    metadata = trace.get("metadata", {})
    f1 = trace.get("outcome", {}).get("f1")
    if f1 is None and trace.get("golds"):
        f1 = score(trace["answer"], trace["golds"]).f1
    len(trace["segments"])  # a record without segments is no trace
    return TraceEntry(
        offset=offset,
        length=length,
        question=trace["question"][:QUESTION_CHARACTERS],
        answer=(trace.get("answer") or "")[:QUESTION_CHARACTERS],
        id=str(trace["id"]),
        grade=_grade(f1),
        f1=f1,
        stop_reason=str(trace["stop_reason"]),
        searches=int(usage.get("searches", 0)),
        tokens=int(usage.get("completion_tokens", 0)),
        kind=str(metadata.get("kind") or metadata.get("type") or ""),
    )


def _grade(f1: float | None) -> Grade:
    if f1 is None:
        return "unscored"
    return "right" if f1 == 1 else "partly" if f1 > 0 else "wrong"
