"""`deepsearch recipe show`: one recipe, part by part."""

from __future__ import annotations

from .recipe import RecipeName, recipe
from .terminal import print_text


@recipe.command()
def show(name: RecipeName) -> None:
    """Show a recipe: its parts, the paper's settings and figures, and what is not verified."""
    from ..recipes.describe import describe
    from ..recipes.registry import get_recipe

    print_text(describe(get_recipe(name)))
