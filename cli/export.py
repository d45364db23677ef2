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
        Literal["openai", "sharegpt", "parquet", "sds", "roles"],
        typer.Option(
            "--format",
            help="openai | sharegpt | parquet | sds | roles, which are the calls of "
            "MaskSearch's roles as chats to fine-tune on. The first two have no mask: of an inline "
            "dialect, search results stand inside the assistant's message and are learned, "
            "unless the trainer masks by the dialect's tags.",
        ),
    ] = "openai",
) -> None:
    """Write traces in a format that other trainers read."""
    from ..curation.exports import export_traces

    count = export_traces(traces, form, file)
    what = "role calls" if form == "roles" else "traces"
    print_text(f"{count} {what} in {file}")
