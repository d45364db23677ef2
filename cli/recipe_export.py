"""`deepsearch recipe export`: a recipe's full size as settings files and commands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from .options import out_folder
from .recipe import RecipeName, recipe
from .terminal import print_text


@recipe.command()
def export(
    name: RecipeName,
    directory: Annotated[Path, out_folder("Folder to write to.")],
) -> None:
    """Write the paper's settings of every stage, and run.sh with the full-size commands."""
    from ..recipes.export import export_recipe
    from ..recipes.registry import get_recipe

    for path in export_recipe(get_recipe(name), directory):
        print_text(path)
