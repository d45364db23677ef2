"""`deepsearch search serve`: a search by the contracts of published agents' servers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .app import AGENT, app

search = typer.Typer(help="A search for other programs.", no_args_is_help=True)
app.add_typer(search, name="search", rich_help_panel=AGENT)


@search.callback()
def _group() -> None:
    """A search for other programs."""


@search.command()
def serve(
    spec: Annotated[
        str,
        typer.Option(
            "--search",
            help="What is searched: corpus:PATH, hybrid:PATH, dense:PATH, tavily, …",
        ),
    ],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8766,
    cache_dir: Annotated[
        Path | None, typer.Option(help="Folder that keeps indexes and results.")
    ] = None,
) -> None:
    """Serve it as /retrieve, /queries, /search and /batch_search, until Ctrl-C."""
    from ..tools.factory import make_search
    from ..tools.search_server import run_search_server

    run_search_server(make_search(spec, cache_dir=cache_dir), host=host, port=port)
