"""Recipes by name: every file of `examples/recipes/` is one.

A file is named as its recipe and exposes it as `RECIPE`. A recipe of your own is named by
the path of its file. Listing imports them all; they are data.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from ..errors import DeepSearchError
from ..python_file import load_python_file
from .recipe import Recipe

FOLDER = Path(__file__).parents[1] / "examples" / "recipes"
"""Where the recipes of the published systems lie, in a checkout as in an installation."""


class RecipeError(DeepSearchError):
    """No recipe has that name, a file holds none, or one cannot be run."""


def list_recipes() -> list[str]:
    """Return the names of all recipes, in order."""
    return sorted(path.stem for path in FOLDER.glob("*.py"))


def get_recipe(name: str) -> Recipe:
    """Return the recipe of that name.

    Args:
        name: a name of `list_recipes()`, or the path of a Python file with `RECIPE`.

    Raises:
        RecipeError: there is none; the message lists the names.
    """
    if name.endswith(".py"):
        return _recipe(Path(name))
    if name not in list_recipes():
        msg = f"unknown recipe {name!r}; known: {', '.join(list_recipes())}"
        raise RecipeError(msg)
    return _recipe(FOLDER / f"{name}.py")


@cache
def _recipe(path: Path) -> Recipe:
    recipe = getattr(load_python_file(path, "recipe", RecipeError), "RECIPE", None)
    if not isinstance(recipe, Recipe):
        msg = f"{path} exposes no recipe: set RECIPE = Recipe(…)"
        raise RecipeError(msg)
    return recipe
