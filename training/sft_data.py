"""What fine-tuning reads: traces, or chats of another origin (`messages`)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..trace import read_traces
from .other_data import read_samples, sample_row
from .rows import RowReport, TokenRow, TooLong, build_rows
from .spans import RowError


def holds_chats(path: Path) -> bool:
    """Tell whether a file holds chats and no traces, by its first line.

    Chats have `messages`, or `prompt` and `output`; a trace has `segments`.
    """
    if not path.is_file():
        return False
    with path.open("rb") as file:
        line = next((line for line in file if line.strip()), b"")
    try:
        first = json.loads(line)
    except ValueError:
        return False
    if not isinstance(first, dict) or "segments" in first:
        return False
    return "messages" in first or {"prompt", "output"} <= set(first)


def read_rows(
    path: Path,
    tokenizer: Any,
    *,
    max_length: int | None = None,
    too_long: TooLong = "drop",
) -> tuple[list[TokenRow], RowReport]:
    """Return a file's training rows, and what became of what it holds.

    Args:
        path: traces, or chats as JSON Lines.
        tokenizer: of the model to train, with a chat template.
        max_length: most tokens of a row; None: no limit.
        too_long: what happens to a longer one; a chat has no results to shorten and is
            left out.

    Raises:
        TraceFileError: the traces cannot be read.
        RowError: a trace or a chat cannot become a row, or is too long and the policy is
            `error`.
    """
    if not holds_chats(path):
        traces = read_traces(path)
        return build_rows(traces, tokenizer, max_length=max_length, too_long=too_long)
    report = RowReport(unit="chats")
    rows = list(_chat_rows(path, tokenizer, max_length, too_long, report))
    report.rows = len(rows)
    report.tokens = sum(len(row.input_ids) for row in rows)
    report.trained_tokens = sum(row.trained_tokens for row in rows)
    return rows, report


def _chat_rows(
    path: Path,
    tokenizer: Any,
    limit: int | None,
    too_long: TooLong,
    report: RowReport,
) -> Iterator[TokenRow]:
    for number, sample in enumerate(read_samples(path), 1):
        report.traces += 1
        name = f"{path.name}:{number}"
        row, is_last_only = sample_row(sample, tokenizer, name)
        if limit is not None and len(row.input_ids) > limit:
            if too_long == "error":
                msg = (
                    f"{name} has {len(row.input_ids)} tokens, more than max_length {limit}; "
                    "raise max_length, or set too_long to drop"
                )
                raise RowError(msg)
            report.too_long.append(name)
            continue
        report.last_only += is_last_only
        yield row
