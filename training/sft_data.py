"""What fine-tuning reads: traces, or chats of another origin (`messages`)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..json_lines import is_whole
from ..trace import TRACE_FILE, read_traces
from .config import SftConfig
from .other_data import draw_other_rows, read_samples, sample_row
from .rows import RowReport, TokenRow, TooLong, build_rows
from .spans import RowError


def training_file(path: Path) -> Path:
    """Return the file to train on; of a run directory what curation kept, if it ran."""
    if not path.is_dir():
        return path
    from ..curation.pipeline import CURATED_FILE

    curated = path / CURATED_FILE
    return curated if curated.is_file() else path / TRACE_FILE


def count_uncurated(path: Path) -> int:
    """Return how many traces of a run directory are trained on, because none was curated.

    0 for a file, chats, and a directory in which something was curated.
    """
    source = training_file(path)
    if not path.is_dir() or source.name != TRACE_FILE or holds_chats(source):
        return 0
    with source.open("rb") as file:
        return sum(is_whole(line) and bool(line.strip()) for line in file)


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


def training_rows(
    path: Path, tokenizer: Any, config: SftConfig, *, max_length: int | None = None
) -> tuple[list[TokenRow], RowReport]:
    """Return all rows of a fine-tuning, other data mixed in as the settings state.

    Args:
        path: traces, or chats as JSON Lines.
        tokenizer: of the model to train, with a chat template.
        config: the settings.
        max_length: most tokens of a row, by the settings and the model.

    Raises:
        TraceFileError: the traces cannot be read.
        RowError: see `read_rows` and `draw_other_rows`.
    """
    rows, report = read_rows(
        path, tokenizer, max_length=max_length, too_long=config.too_long
    )
    if not config.other_data:
        return rows, report
    others, report.other = draw_other_rows(
        Path(config.other_data),
        tokenizer,
        round(len(rows) * config.other_ratio),
        max_length=max_length,
        seed=config.seed,
    )
    report.tokens += report.other.tokens
    report.trained_tokens += report.other.trained_tokens
    return [*rows, *others], report


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
