"""`deepsearch train`: the group; each method is a file of its own (`train_sft.py`, …)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .app import FLYWHEEL, app
from .terminal import print_json, print_text

if TYPE_CHECKING:
    from ..training.result import TrainingResult

train = typer.Typer(
    help="Train a model: on traces, on pairs, by its own runs.", no_args_is_help=True
)
app.add_typer(train, name="train", rich_help_panel=FLYWHEEL)

ModelFolder = Annotated[
    str,
    typer.Option("--model", help="Model folder; the packaged base model if absent."),
]
RegisteredName = Annotated[
    str,
    typer.Option(
        help="Name in the registry beside the folder.", show_default="folder name"
    ),
]


def report(
    directory: Path, name: str, parent: Path, result: TrainingResult, as_json: bool
) -> None:
    """Register a trained model beside its folder and print what its training gave.

    Under torchrun the first process alone does.
    """
    from ..training.environment import is_main
    from ..training.registry import ModelRegistry

    if not is_main():
        return
    ModelRegistry(directory.parent).add(
        name or directory.name, directory, parent=parent.name, training=result.to_json()
    )
    print_json(result.to_json()) if as_json else print_text(result)
