"""The queries a model asked for in a run, executed or not."""

from __future__ import annotations

from ..nodes.dialects import Dialect
from ..trace import Trace


def queries(trace: Trace, dialect: Dialect) -> list[str]:
    """Return the queries the model asked for, in order, executed or not."""
    found: list[str] = []
    for segment in trace.segments:
        if segment.trainable and segment.kind == "query":
            found += dialect.parse(segment.text).queries
    return found
