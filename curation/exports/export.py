"""Writing a trace file in another format."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal, get_args

from ...errors import DeepSearchError
from ...trace import Trace, TraceFileError, read_traces
from ..filters import is_correct
from ..inputs import question_key
from ..role_calls import NO_ROLES, role_calls
from .messages import mixes_speakers
from .openai import to_openai
from .parquet import write_parquet
from .sds import to_sds
from .sharegpt import to_sharegpt

ExportFormat = Literal["openai", "sharegpt", "parquet", "sds", "roles"]

FORMATS: tuple[str, ...] = get_args(ExportFormat)


class UnknownFormatError(DeepSearchError):
    """No export has that name."""


def export_traces(
    traces: str | os.PathLike[str], form: str, out: str | os.PathLike[str]
) -> int:
    """Write traces in another format, replacing `out` in one step.

    Args:
        traces: a trace file, or a run directory.
        form: `openai` or `sharegpt` (JSON Lines), `parquet`, `sds` (a JSON array, the
            reference's training records), or `roles` (JSON Lines, each call of a run's roles
            as a chat to fine-tune on). The first two cannot say which part of a message the
            model wrote; a warning says where that matters.
        out: the file to write.

    Returns:
        How many traces were written, of `roles` how many calls.

    Raises:
        UnknownFormatError: no such format.
        TraceFileError: the file is absent, holds no trace, or a line of it is none; or
            `out` holds traces, which would be lost.
        MissingDependencyError: `parquet` without pyarrow.
    """
    if form not in FORMATS:
        msg = f"no export format is called {form!r}; known: {', '.join(FORMATS)}"
        raise UnknownFormatError(msg)
    target = Path(out)
    _refuse_traces(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    mixed = _Mixed()
    try:
        count = _write(traces, form, partial, mixed)
        if not count:
            msg = f"{traces} holds no traces: nothing to export"
            if form == "roles":
                msg = f"no run of {traces} was written by roles: {NO_ROLES}"
            raise TraceFileError(msg)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    if mixed.count:
        _warn_of_mixed(mixed.count, count)
    return count


class _Mixed:
    """Counts traces whose results stand inside a message of the assistant."""

    def __init__(self) -> None:
        self.count = 0

    def of(self, traces: Iterable[Trace]) -> Iterator[Trace]:
        for trace in traces:
            self.count += mixes_speakers(trace)
            yield trace


def _warn_of_mixed(mixed: int, total: int) -> None:
    msg = (
        f"in {mixed} of {total} traces search results stand inside the assistant's message: a "
        "trainer learns them too unless it masks by the dialect's tags; `deepsearch train`, "
        "parquet's segments and sds keep them apart"
    )
    warnings.warn(msg, RuntimeWarning, stacklevel=3)


def _refuse_traces(file: Path) -> None:
    """Refuse a file that holds traces: no export can be turned back into them."""
    try:
        holds_traces = file.is_file() and next(read_traces(file), None) is not None
    except TraceFileError:
        return
    if holds_traces:
        msg = f"{file} holds traces, which an export would replace: name another --out"
        raise TraceFileError(msg)


def _write(traces: str | os.PathLike[str], form: str, file: Path, mixed: _Mixed) -> int:
    if form == "parquet":
        return write_parquet(read_traces(traces), file)
    if form == "sds":
        fewest = _min_searches(read_traces(traces))
        return _write_array((to_sds(t, fewest) for t in read_traces(traces)), file)
    if form == "roles":
        calls = (call for trace in read_traces(traces) for call in role_calls(trace))
        return _write_lines(calls, file)
    to_record = to_openai if form == "openai" else to_sharegpt
    return _write_lines(map(to_record, mixed.of(read_traces(traces))), file)


def _min_searches(traces: Iterable[Trace]) -> dict[str, int]:
    fewest: dict[str, int] = {}
    for trace in traces:
        if is_correct(trace):
            key = question_key(trace)
            fewest[key] = min(fewest.get(key, len(trace.searches)), len(trace.searches))
    return fewest


def _write_lines(records: Iterable[dict[str, Any]], file: Path) -> int:
    count = 0
    with file.open("w", encoding="utf-8") as target:
        for count, line in enumerate(_lines(records), 1):  # noqa: B007
            target.write(line + "\n")
    return count


def _write_array(records: Iterable[dict[str, Any]], file: Path) -> int:
    count = 0
    with file.open("w", encoding="utf-8") as target:
        target.write("[")
        for count, line in enumerate(_lines(records), 1):
            target.write(("\n" if count == 1 else ",\n") + line)
        target.write("\n]\n")
    return count


def _lines(records: Iterable[dict[str, Any]]) -> Iterator[str]:
    return (json.dumps(record, ensure_ascii=False) for record in records)
