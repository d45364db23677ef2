"""`deepsearch world`: build and serve a desk world."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .app import FLYWHEEL, app
from .options import Seed, named_path
from .terminal import print_text

world = typer.Typer(
    help="A fictional web to practise on: no key, no network.", no_args_is_help=True
)
app.add_typer(world, name="world", rich_help_panel=FLYWHEEL)


@world.command()
def build(
    path: Annotated[
        Path,
        typer.Argument(
            help="Folder to write; one with another world in it is refused.",
            parser=named_path,
        ),
    ],
    pages: Annotated[int, typer.Option(help="Pages, 200 to 100,000.")] = 1500,
    seed: Seed = 0,
) -> None:
    """Write a desk world: pages, corpus.jsonl, questions.jsonl, train and test split."""
    from ..world.build import build_world

    print_text(build_world(path, pages=pages, seed=seed))


@world.command()
def serve(
    path: Annotated[Path, typer.Argument(help="A built world.")],
    port: Annotated[int, typer.Option(help="Port on the loopback.")] = 8765,
) -> None:
    """Serve a world's pages and its search over HTTP, until Ctrl-C."""
    from ..world.server import run_server

    run_server(path, port=port)
