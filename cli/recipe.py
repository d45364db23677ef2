"""`deepsearch recipe`: the group; each verb is a file of its own (`recipe_*.py`)."""

from __future__ import annotations

from typing import Annotated

import typer

from .app import FLYWHEEL, app

recipe = typer.Typer(
    help="Published systems as recipes: list, show, run at desk size, export.",
    no_args_is_help=True,
)
app.add_typer(recipe, name="recipe", rich_help_panel=FLYWHEEL)

RecipeName = Annotated[
    str, typer.Argument(metavar="NAME", help="A recipe's name, or a .py file of your own.")
]
