"""`deepsearch export`: traces for other trainers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from .app import TRACES, app
from .options import Traces
from .terminal import print_text


@app.command(rich_help_panel=TRACES)
def export(
    traces: Traces,
    file: Annotated[Path, typer.Option("--out", help="File to write.")],
    form: Annotated[
        Literal["openai", "sharegpt", "parquet", "sds"],
        typer.Option("--format", help="openai | sharegpt | parquet | sds"),
    ] = "openai",
) -> None:
    """Write traces in a format that other trainers read."""
    from ..curation.exports import export_traces

    count = export_traces(traces, form, file)
    print_text(f"{count} traces in {file}")
