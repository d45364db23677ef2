"""Parquet that `datasets.load_dataset("parquet", …)` loads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from ...errors import MissingDependencyError
from ...trace import Trace, dump_trace
from .messages import to_messages

ROWS_PER_GROUP = 500
"""Rows held in memory and written as one row group."""


OUTCOMES = ("em", "f1", "acc", "judge", "user")
"""Fields of the `outcome` column."""


def write_parquet(traces: Iterable[Trace], file: Path) -> int:
    """Write traces as one Parquet file, a row group at a time.

    Columns: `id`, `question_id`, `question`, `golds`, `answer`, `messages` (role,
    content), `segments` (kind, speaker, text, trainable, turn, token_ids), `outcome` (em,
    f1, acc, judge, user), `searches`, `stop_reason`, `dialect`, `model`, and `trace`, the
    whole record as JSON.

    Returns:
        How many were written.

    Raises:
        MissingDependencyError: pyarrow (it comes with datasets) is not installed.
    """
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        package, extra = "pyarrow", "train"
        raise MissingDependencyError(package, extra) from error
    schema, count = _schema(pa), 0
    with parquet.ParquetWriter(file, schema) as writer:
        for rows in _batches(map(_row, traces)):
            writer.write_table(pa.Table.from_pylist(rows, schema=schema))
            count += len(rows)
    return count


def _batches(rows: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    remaining = iter(rows)
    while batch := list(islice(remaining, ROWS_PER_GROUP)):
        yield batch


def _schema(pa: Any) -> Any:
    text, number = pa.string(), pa.float64()
    segment = {
        "kind": text,
        "speaker": text,
        "text": text,
        "trainable": pa.bool_(),
        "turn": pa.int32(),
        "token_ids": pa.list_(pa.int32()),
    }
    return pa.schema(
        {
            **dict.fromkeys(("id", "question_id", "question"), text),
            "golds": pa.list_(text),
            "answer": text,
            "messages": pa.list_(pa.struct({"role": text, "content": text})),
            "segments": pa.list_(pa.struct(segment)),
            "outcome": pa.struct(dict.fromkeys(OUTCOMES, number)),
            "searches": pa.int32(),
            **dict.fromkeys(("stop_reason", "dialect", "model", "trace"), text),
        }
    )


def _row(trace: Trace) -> dict[str, Any]:
    segments = trace.model_dump(include={"segments"})["segments"]
    for segment in segments:
        del segment["logprobs"]
    return {
        "id": trace.id,
        "question_id": trace.question_id,
        "question": trace.question,
        "golds": trace.golds,
        "answer": trace.answer,
        "messages": to_messages(trace),
        "segments": segments,
        "outcome": {name: trace.outcome.get(name) for name in OUTCOMES},
        "searches": len(trace.searches),
        "stop_reason": trace.stop_reason,
        "dialect": trace.dialect,
        "model": trace.model,
        "trace": dump_trace(trace),
    }
