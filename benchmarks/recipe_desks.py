"""Every recipe at the size of a desk, one after another, as one table.

    python benchmarks/recipe_desks.py --out runs/recipes
    python benchmarks/recipe_desks.py --out runs/recipes --recipes search_r1 zero_search

Each recipe is what `deepsearch recipe run NAME --desk --out OUT/NAME` makes: finished stages
are not run again, so that the command goes on where it stopped, and prints the table alone
when all is done. A row has EM over the closed test questions for the teacher, the model
before, after each stage and at the end, then the last model's searches a question, and the
minutes of all stages. Twenty questions tell no system from another: the table shows that
every recipe runs, and what that takes. `--json` writes F1 and the rest too.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from desk_runs import complaints
from rich.console import Console

from langgraph_deepsearch.recipes.describe import as_markdown
from langgraph_deepsearch.recipes.desk import AFTER, BEFORE, TEACHER, DeskConfig, DeskRun
from langgraph_deepsearch.recipes.registry import get_recipe, list_recipes

HEAD = ("recipe", "teacher", "before", "after each stage", "searches", "minutes")


def run_recipe(
    name: str, out: Path, config: DeskConfig, console: Console
) -> dict[str, Any]:
    """Return what a recipe's desk run measured, running what is not done."""
    found = DeskRun(get_recipe(name), config, out / name, console).run().to_json()
    columns = {
        column: {k: figures[k] for k in ("em", "f1", "acc", "searches", "tokens", "n")}
        for column, figures in found["columns"].items()
    }
    return {"recipe": name, "columns": columns, "seconds": found["seconds"]}


def row(found: Mapping[str, Any]) -> list[str]:
    """Return a recipe's row of the table.

    >>> figures = {"em": 0.9, "searches": 2.0}
    >>> row({"recipe": "mine", "seconds": 90, "columns": {"teacher": figures,
    ...      "before": {"em": 0, "searches": 1.0}, "sft": figures, "after": figures}})
    ['mine', '.90', '.00', 'sft .90, after .90', '2.00', '1.5']
    """
    columns = found["columns"]
    trained = [name for name in columns if name not in (TEACHER, BEFORE)]
    stages = ", ".join(f"{name} {_share(columns[name]['em'])}" for name in trained)
    last = columns[AFTER if AFTER in columns else BEFORE]
    ends = [f"{last['searches']:.2f}", f"{found['seconds'] / 60:.1f}"]
    starts = [_share(columns[name]["em"]) for name in (TEACHER, BEFORE)]
    return [found["recipe"], *starts, stages or "no training", *ends]


def _share(value: float) -> str:
    return f"{value:.2f}".removeprefix("0")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="a folder for each recipe")
    parser.add_argument("--recipes", nargs="+", metavar="NAME", help="all if absent")
    parser.add_argument("--size", default="desk", help="desk or tiny")
    parser.add_argument("--seed", type=int, default=0, help="of all sampling")
    parser.add_argument("--json", type=Path, help="a file for all figures")
    options = parser.parse_args(arguments)
    console = Console(stderr=True)
    config = DeskConfig(options.size, options.seed)
    with complaints():
        found = [
            run_recipe(name, options.out, config, console)
            for name in options.recipes or list_recipes()
        ]
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    print(as_markdown(HEAD, [row(one) for one in found]))


if __name__ == "__main__":
    main()
