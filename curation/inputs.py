"""Trace files as curation reads them: one trace at a time, with the place of its line.

Whatever reads traces twice (a first pass that judges, a second one that copies) keeps the
place and not the trace, so that memory does not grow with the traces.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from ..json_lines import is_whole, warn_of_torn_line
from ..trace import Trace, TraceFileError, parse_trace, write_traces

TraceInput = str | os.PathLike[str] | Iterable[str | os.PathLike[str]] | Iterable[Trace]
"""A trace file or run directory, several of them, or traces themselves."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a trace stands."""

    file: int
    """Position of its file among the inputs."""
    offset: int
    """Byte offset of its line."""


@contextmanager
def as_files(traces: TraceInput, directory: Path) -> Iterator[list[Path]]:
    """Give the trace files that `traces` means; traces are spooled to `directory`.

    Raises:
        TraceFileError: a file is absent.
    """
    if isinstance(traces, str | os.PathLike):
        yield [trace_file(traces)]
        return
    entries: Iterator[Any] = iter(traces)
    first = next(entries, None)
    if isinstance(first, Trace):
        spool = directory / f".traces.{os.getpid()}.{id(traces):x}.partial"
        try:
            write_traces(spool, _chain(first, entries))
            yield [spool]
        finally:
            spool.unlink(missing_ok=True)
        return
    yield [] if first is None else [trace_file(path) for path in _chain(first, entries)]


def _chain(first: Any, rest: Iterable[Any]) -> Iterator[Any]:
    yield first
    yield from rest


def trace_file(path: str | os.PathLike[str]) -> Path:
    """Return the trace file that a path means.

    Raises:
        TraceFileError: there is none.
    """
    source = Path(path)
    if source.is_dir():
        source = source / "traces.jsonl"
    if not source.is_file():
        msg = (
            f"no trace file at {source}: run `deepsearch rollout` first, or check the path"
        )
        raise TraceFileError(msg)
    return source


def refuse_overwriting(output: Path, inputs: Iterable[str | os.PathLike[str]]) -> None:
    """Refuse an output that is one of the inputs: writing it would destroy that one.

    Raises:
        TraceFileError: it is.
    """
    if os.path.realpath(output) in [os.path.realpath(path) for path in inputs]:
        msg = f"{output} is read here and would be replaced: name another --out"
        raise TraceFileError(msg)


class TraceScan:
    """One pass over trace files; a trace that came before is left out.

    Runs of one question in two run directories have the same id, so a trace counts as the
    same only when its question, its model and its text are the same too.

    Attributes:
        inputs: `path`, `sha256` and `bytes` of every file read to its end.
        read: traces read, duplicates included.
        duplicates: traces that came before.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = files
        self._seen: set[bytes] = set()
        self.inputs: list[dict[str, Any]] = []
        self.read = 0
        self.duplicates = 0

    def __iter__(self) -> Iterator[tuple[Place, Trace]]:
        for number, file in enumerate(self._files):
            yield from self._file(number, file)

    def _file(self, number: int, file: Path) -> Iterator[tuple[Place, Trace]]:
        checksum, size = sha256(), 0
        with file.open("rb") as lines:
            for line_number, line in enumerate(lines, 1):
                checksum.update(line)
                offset, size = size, size + len(line)
                if not line.strip():
                    continue
                if not is_whole(line):
                    warn_of_torn_line(file)
                    continue
                trace = parse_trace(line, file, line_number)
                if self._is_new(trace):
                    yield Place(number, offset), trace
        self.inputs.append(
            {"path": str(file), "sha256": checksum.hexdigest(), "bytes": size}
        )

    def _is_new(self, trace: Trace) -> bool:
        self.read += 1
        own = (trace.id, trace.question, trace.model, trace.output_text)
        identity = digest("\0".join(own))
        if identity in self._seen:
            self.duplicates += 1
            return False
        self._seen.add(identity)
        return True


class TraceLookup:
    """Reads traces by their place; a context manager that closes the files."""

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = files
        self._opened: dict[int, BinaryIO] = {}
        self._stack = ExitStack()

    def __enter__(self) -> TraceLookup:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def get(self, place: Place) -> Trace:
        """Return the trace at a place."""
        if place.file not in self._opened:
            file = self._files[place.file].open("rb")
            self._opened[place.file] = self._stack.enter_context(file)
        file = self._opened[place.file]
        file.seek(place.offset)
        return parse_trace(file.readline(), self._files[place.file], 0)


def digest(text: str) -> bytes:
    """Return half a SHA-256: ids of any length in 16 bytes."""
    return sha256(text.encode()).digest()[:16]


def question_key(trace: Trace) -> str:
    """Return what tells a trace's question from others: its id and a digest of its text.

    The id alone will not do: two question files may both count from 0. A question without
    an id has its text.
    """
    if not trace.question_id:
        return trace.question
    return f"{trace.question_id} {digest(trace.question).hex()[:8]}"
