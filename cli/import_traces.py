"""`deepsearch import`: other systems' traces as ours."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .app import TRACES, app
from .options import out_file
from .terminal import print_text


@app.command("import", rich_help_panel=TRACES)
def import_file(
    file: Annotated[Path, typer.Argument(help="File, or folder of turn files.")],
    source: Annotated[
        str,
        typer.Option(
            "--from",
            help="simple_deep_searcher | r1_searcher | web_dancer | o2_searcher | knowagent",
        ),
    ],
    out: Annotated[Path, out_file("Trace file to write.")],
) -> None:
    """Read another system's rollouts as traces; nothing of a record is lost."""
    from ..curation.imports import import_traces
    from ..curation.imports.importing import refuse_other_traces
    from ..curation.inputs import refuse_overwriting
    from ..trace import write_traces

    traces = import_traces(file, source)
    refuse_overwriting(out, [file])
    refuse_other_traces(out, source)
    count = write_traces(out, traces)
    print_text(f"{count} traces in {out}")
