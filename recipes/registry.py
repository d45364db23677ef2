"""Recipes by name: every file of `examples/recipes/` is one.

A file is named as its recipe and exposes it as `RECIPE`. A recipe of your own is named by
the path of its file. Listing imports them all; they are data.
"""

from __future__ import annotations

import sys
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from ..errors import DeepSearchError
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
    recipe = getattr(_load(path), "RECIPE", None)
    if not isinstance(recipe, Recipe):
        msg = f"{path} exposes no recipe: set RECIPE = Recipe(…)"
        raise RecipeError(msg)
    return recipe


def _load(path: Path) -> ModuleType:
    if not path.is_file():
        msg = f"no recipe file at {path}: check the path, or name one of list_recipes()"
        raise RecipeError(msg)
    # A name of its own in sys.modules, which dataclasses and pickles look up.
    name = f"langgraph_deepsearch_recipe_{path.stem}"
    spec = spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # a user's own code may fail in any way
        msg = f"recipe file {path} cannot be loaded: {type(error).__name__}: {error}"
        raise RecipeError(" ".join(msg.split())) from error
    return module
