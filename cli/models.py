"""`deepsearch models`: what was trained on what."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import DeepSearchError
from .app import AGENT, app
from .options import AsJson
from .terminal import err, out, print_json


@app.command(rich_help_panel=AGENT)
def models(
    directory: Annotated[Path, typer.Argument(help="Run directory.")] = Path("runs/desk"),
    use: Annotated[str, typer.Option(help="Make this version the current one.")] = "",
    load: Annotated[
        str,
        typer.Option(
            help="Load the current version, an adapter, into the vLLM server at this URL."
        ),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """List trained models and what each was trained on; go back to an earlier one."""
    from ..nodes.models.http import normalize_url
    from ..training.registry import ModelRegistry
    from ..training.reload import load_registered

    registry = ModelRegistry(directory)
    if not registry.models():
        msg = (
            f"no trained models in {directory}: name a run directory that holds models.json"
        )
        raise DeepSearchError(msg)
    if use:
        registry.use(use)
    if load:
        served = load_registered(registry, normalize_url(load))
        err.print(f"served as {served}", markup=False, highlight=False)
    print_json(registry.to_json()) if as_json else out.print(registry.table())
