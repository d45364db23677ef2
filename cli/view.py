"""`deepsearch view`: traces in the browser."""

from __future__ import annotations

from typing import Annotated

import typer

from .app import TRACES, app
from .options import Traces


@app.command(rich_help_panel=TRACES)
def view(
    traces: Traces,
    port: Annotated[int, typer.Option(help="Port; 0 takes a free one.")] = 0,
    open_browser: Annotated[
        bool, typer.Option("--open/--no-open", help="Open it in the browser.")
    ] = True,
) -> None:
    """Look at traces in the browser, until Ctrl-C."""
    from ..evals.viewer import serve_viewer

    serve_viewer(traces, port=port, open_browser=open_browser)
