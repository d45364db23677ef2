"""`deepsearch serve`: a model behind an OpenAI-compatible URL."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from .app import AGENT, app

Merge = Annotated[
    bool,
    typer.Option(
        "--merge",
        help="Serve an adapter merged with its base, as one model: with vLLM on a CPU some "
        "twenty times as fast.",
    ),
]
Lora = Annotated[bool, typer.Option("--lora", help="Take adapters while it runs (vLLM).")]
Updatable = Annotated[
    bool,
    typer.Option(
        "--updatable",
        help="Take other weights while it runs (vLLM's development routes): for `train rl`, "
        "on an address that nobody else reaches.",
    ),
]


@app.command(rich_help_panel=AGENT)
def serve(
    model: Annotated[
        str,
        typer.Argument(
            help="Folder of a model or an adapter, or with vLLM OWNER/NAME on the Hugging Face "
            "Hub; with --registry a name or NAME@VERSION there. The packaged base model if "
            "absent."
        ),
    ] = "",
    registry: Annotated[
        Path | None,
        typer.Option(
            help="Run directory that has the model, as `deepsearch models` lists it; its "
            "current one if none is named.",
            show_default=False,
        ),
    ] = None,
    engine: Annotated[
        Literal["auto", "vllm", "transformers"], typer.Option(help="What serves it.")
    ] = "auto",
    name: Annotated[
        str,
        typer.Option(
            help="Name it is served under.", show_default="registered or folder name"
        ),
    ] = "",
    arguments: Annotated[
        list[str] | None,
        typer.Argument(help="After `--`: arguments of the engine, as they are."),
    ] = None,
    host: Annotated[
        str, typer.Option(help="Address to listen at; 0.0.0.0: every one.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(help="Port; 0 takes a free one.", min=0, max=65535)
    ] = 8000,
    merge: Merge = False,
    lora: Lora = False,
    updatable: Updatable = False,
    start_seconds: Annotated[
        float, typer.Option(help="Longest wait for the server to be ready.", min=1)
    ] = 300,
) -> None:
    """Serve a model for the agent, until Ctrl-C."""
    from ..training.serve_command import serve_until_interrupted

    extra = arguments or []
    if model.startswith("-"):
        model, extra = "", [model, *extra]  # no model was named before `--`
    serve_until_interrupted(
        model,
        engine=engine,
        name=name,
        registry=registry,
        port=port,
        host=host,
        merge=merge,
        lora=lora,
        updatable=updatable,
        start_seconds=start_seconds,
        extra_arguments=extra,
    )
