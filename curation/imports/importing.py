"""Traces of a file by the name of the system that wrote it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from ...errors import DeepSearchError
from ...trace import Trace, TraceFileError, read_traces
from .source import IMPORT_KEY, TraceSource

SOURCES: dict[str, tuple[str, str]] = {
    "simple_deep_searcher": ("simple_deep_searcher", "SimpleDeepSearcherSource"),
    "r1_searcher": ("r1_searcher", "R1SearcherSource"),
    "web_dancer": ("web_dancer", "WebDancerSource"),
    "o2_searcher": ("o2_searcher", "O2SearcherSource"),
    "knowagent": ("knowagent", "KnowAgentSource"),
}
"""Name to (module in this package, class)."""


class UnknownSourceError(DeepSearchError):
    """No import source has that name, or a trace was not imported."""


@cache
def get_source(name: str) -> TraceSource:
    """Return the source of that name.

    Raises:
        UnknownSourceError: there is none; the message lists the names.
    """
    if name not in SOURCES:
        msg = f"no traces can be imported from {name!r}; known: {', '.join(SOURCES)}"
        raise UnknownSourceError(msg)
    module, class_name = SOURCES[name]
    source = getattr(import_module(f".{module}", __package__), class_name)()
    assert isinstance(source, TraceSource)
    return source


def import_traces(path: str | os.PathLike[str], source: str) -> Iterator[Trace]:
    """Read another system's rollouts as traces, one at a time.

    Nothing is lost: `original_record` gives each record back. Files with gold answers get
    their outcome scored. The prompt is the dialect's own where the file holds none.

    Args:
        path: the file, or for `simple_deep_searcher` also a folder of turn files.
        source: a name in `SOURCES`.

    Raises:
        UnknownSourceError: no such source; at once.
        ImportFileError: the file is absent or a record has not the source's form.
    """
    return get_source(source).read(Path(path))


def refuse_other_traces(file: Path, source: str) -> None:
    """Refuse a file that holds other traces than an earlier import from the same source.

    Raises:
        TraceFileError: it does; writing it would lose them.
    """
    others = 0
    try:
        for trace in read_traces(file) if file.is_file() else ():
            kept = trace.metadata.get(IMPORT_KEY)
            others += not (isinstance(kept, dict) and kept.get("source") == source)
    except TraceFileError:
        pass  # something else from here on
    if not others:
        return
    msg = (
        f"{file} holds traces that were not imported from {source}, and would be replaced: "
        "name another --out"
    )
    raise TraceFileError(msg)


def original_record(trace: Trace) -> Any:
    """Return the record an imported trace was made from.

    Raises:
        UnknownSourceError: the trace was not imported.
    """
    kept = trace.metadata.get(IMPORT_KEY)
    if kept is None:
        msg = f"trace {trace.id!r} was not imported: it has no original record"
        raise UnknownSourceError(msg)
    return get_source(kept["source"]).original(trace)
