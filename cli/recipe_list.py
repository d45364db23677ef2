"""`deepsearch recipe list`: the recipes there are."""

from __future__ import annotations

from .options import AsJson
from .recipe import recipe
from .terminal import out, print_json


@recipe.command("list")
def list_verb(as_json: AsJson = False) -> None:
    """List the recipes: system, training, and the paper's first figure."""
    from rich.table import Table

    from ..recipes.describe import headline, trainer
    from ..recipes.registry import get_recipe, list_recipes

    recipes = [get_recipe(name) for name in list_recipes()]
    rows = [
        (r.name, r.system, trainer(r) or "no training", headline(r.results[0]))
        for r in recipes
    ]
    columns = ("name", "system", "training", "figure")
    if as_json:
        print_json([dict(zip(columns, row, strict=True)) for row in rows])
        return
    table = Table(*columns)
    for row in rows:
        table.add_row(*row)
    out.print(table)
