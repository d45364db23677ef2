"""`deepsearch export`: traces for other trainers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from .app import TRACES, app
from .options import Traces, out_file
from .terminal import print_text


@app.command(rich_help_panel=TRACES)
def export(
    traces: Traces,
    file: Annotated[Path, out_file("File to write.")],
    form: Annotated[
        Literal["openai", "sharegpt", "parquet", "sds"],
        typer.Option(
            "--format",
            help="openai | sharegpt | parquet | sds. The first two have no mask: of an inline "
            "dialect, search results stand inside the assistant's message and are learned, "
            "unless the trainer masks by the dialect's tags.",
        ),
    ] = "openai",
) -> None:
    """Write traces in a format that other trainers read."""
    from ..curation.exports import export_traces

    count = export_traces(traces, form, file)
    print_text(f"{count} traces in {file}")
