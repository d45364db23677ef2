"""`deepsearch serve`: a model behind an OpenAI-compatible URL."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from .app import AGENT, app


@app.command(rich_help_panel=AGENT)
def serve(
    model: Annotated[
        str, typer.Argument(help="Model folder or name; the packaged base model if absent.")
    ] = "",
    engine: Annotated[
        Literal["auto", "vllm", "transformers"], typer.Option(help="What serves it.")
    ] = "auto",
    name: Annotated[
        str, typer.Option(help="Name it is served under.", show_default="folder name")
    ] = "",
    port: Annotated[int, typer.Option(help="Port; 0 takes a free one.")] = 8000,
) -> None:
    """Serve a model for the agent, until Ctrl-C."""
    from ..training.serve import serve_until_interrupted

    serve_until_interrupted(model, engine=engine, name=name, port=port)
