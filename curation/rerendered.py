"""A file of traces said again in another dialect: what it may replace."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from ..nodes.dialects import UnknownDialectError
from ..trace import Trace, TraceFileError, read_traces
from .inputs import digest, refuse_overwriting, trace_file
from .rerender import RerenderError, rerender


def refuse_other_rerender(file: Path, traces: str | os.PathLike[str], dialect: str) -> None:
    """Refuse a file that holds traces, unless these come of the same rerender.

    So the same command may be typed again, also after its source has grown.

    Args:
        file: what would be replaced.
        traces: the source, a trace file or a run directory.
        dialect: the one that `traces` are said in.

    Raises:
        TraceFileError: it is the source, or holds other traces; writing it would lose them.
    """
    refuse_overwriting(file, [trace_file(traces)])
    there = {_identity(trace) for trace in _held(file)}
    if not there:
        return
    for trace in read_traces(traces):
        try:
            there.discard(_identity(rerender(trace, dialect)))
        except (RerenderError, UnknownDialectError):
            continue  # it is left out, or told where the traces are written
    if there:
        msg = (
            f"{file} holds traces that are not those of {traces} in {dialect}, and would be "
            "replaced: name another --out"
        )
        raise TraceFileError(msg)


def _held(file: Path) -> Iterator[Trace]:
    try:
        yield from read_traces(file) if file.is_file() else ()
    except TraceFileError:
        return  # something else from here on


def _identity(trace: Trace) -> bytes:
    """Return what tells a run's words from all others; its scores may change."""
    told = {"id", "question", "dialect", "exactness", "segments"}
    return digest(trace.model_dump_json(include=told))
