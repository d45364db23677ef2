"""The table of all recipes at the size of a desk."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="recipes train")

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


class Result:
    """What a recipe's run returns."""

    def __init__(self, columns):
        self.columns = columns

    def to_json(self):
        figures = {"f1": 0.5, "acc": 0.5, "tokens": 90.0, "n": 20, "engine": "vllm"}
        columns = {
            name: {"em": em, "searches": 2 * em, **figures}
            for name, em in self.columns.items()
        }
        return {"columns": columns, "seconds": 150.0}


@pytest.fixture
def desks(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    module = importlib.import_module("recipe_desks")
    made = []

    class Run:
        def __init__(self, recipe, config, directory, console):
            made.append((recipe.name, config.size, config.seed, directory))
            trained = {"warm_start": 0.25, "after": 0.75} if recipe.stages else {}
            self.result = Result({"teacher": 0.9, "before": 0.05, **trained})

        def run(self):
            return self.result

    monkeypatch.setattr(module, "DeskRun", Run)
    yield module, made
    sys.modules.pop("recipe_desks")


def test_a_row_for_each_recipe(desks, tmp_path, capsys):
    module, made = desks
    file = tmp_path / "figures.json"
    words = ["--recipes", "search_r1", "search_o1", "--seed", "3", "--json", str(file)]
    module.main(["--out", str(tmp_path), *words])
    assert made == [
        (name, "desk", 3, tmp_path / name) for name in ("search_r1", "search_o1")
    ]
    assert capsys.readouterr().out.splitlines()[2:] == [
        "| search_r1 | .90 | .05 | warm_start .25, after .75 | 1.50 | 2.5 |",
        "| search_o1 | .90 | .05 | no training | 0.10 | 2.5 |",
    ]
    first, _ = json.loads(file.read_text())
    assert first["columns"]["after"] == {
        "em": 0.75,
        "f1": 0.5,
        "acc": 0.5,
        "searches": 1.5,
        "tokens": 90.0,
        "n": 20,
    }


def test_all_of_them_if_none_is_named(desks, tmp_path):
    module, made = desks
    module.main(["--out", str(tmp_path)])
    assert [name for name, *_ in made] == module.list_recipes()
    assert len(made) == 12


def test_an_unknown_one_is_one_line(desks, tmp_path):
    module, _ = desks
    with pytest.raises(SystemExit, match=r"^error: unknown recipe 'mine'; known: "):
        module.main(["--out", str(tmp_path), "--recipes", "mine"])
