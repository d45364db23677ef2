"""A recipe in words, and all of them as one table."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import fields
from itertools import groupby
from typing import Any

from ..training.rl_config import RlConfig
from .recipe import KNOWN, Kind, Known, PaperResult, Recipe, TrainingStage

MARKS: dict[Known, str] = {
    "code": "✓",
    "data": "✓✓",
    "paper": "(✓)",
    "secondary": "?",
    "ours": "✗",
    "none": "–",
}
"""How a part is known, in the table."""

METHODS: dict[Kind, str] = {"sft": "SFT", "dpo": "DPO", "rl": ""}
"""Kinds of training as the field writes them; reinforcement is named by its algorithm."""

ALGORITHMS = {
    "reinforce_plus_plus": "REINFORCE++",
    "reinforce_plus_plus_baseline": "REINFORCE++ (group baseline)",
    "grpo": "GRPO",
    "dapo": "DAPO",
}

TOLD = ("learning_rate", "batch_size", "beta", "algorithm", "reward")
"""Settings that are told whether or not they are the defaults."""

COLUMNS = (
    "system",
    "questions",
    "dialect",
    "tools",
    "filters",
    "reward",
    "trainer",
    "figures",
)


def legend() -> str:
    """Return what the table's marks mean, as a markdown list."""
    return "\n".join(f"- {mark} {KNOWN[known]}" for known, mark in MARKS.items())


def markdown_table(recipes: Iterable[Recipe]) -> str:
    """Return system by part as a markdown table, each part with how it is known."""
    return as_markdown(COLUMNS, [_cells(recipe) for recipe in recipes])


def methods_table(recipes: Iterable[Recipe]) -> str:
    """Return the methods that one system alone has, and their modules, as a table."""
    rows = [
        (recipe.system, name, f"`{module.removeprefix('langgraph_deepsearch.')}`")
        for recipe in recipes
        for name, module in recipe.methods.items()
    ]
    return as_markdown(("system", "method", "module"), rows)


def as_markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a markdown table.

    >>> print(as_markdown(["a", "b"], [["1", "2"]]))
    | a | b |
    | --- | --- |
    | 1 | 2 |
    """
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _cells(recipe: Recipe) -> list[str]:
    search = recipe.tools.search.partition(":")[0]
    own = recipe.tools
    tools = [search, own.condenser, own.open_ended_condenser, own.page_condenser]
    texts = {
        "questions": recipe.questions.data,
        "dialect": f"`{recipe.dialect}`",
        "tools": " + ".join(f"`{name}`" for name in tools if name),
        "filters": _code(recipe.filters.preset, recipe.filters.preference)
        or recipe.filters.rule,
        "reward": _code(*recipe.rewards),
        "figures": headline(recipe.results[0]),
    }
    known = recipe.known
    cells = {part: _marked(MARKS[known[part]], text) for part, text in texts.items()}
    cells["trainer"] = _trainings(recipe)
    system = f"[{recipe.system}](../examples/recipes/{recipe.name}.py)"
    return [system, *(cells[column] for column in COLUMNS[1:])]


def _trainings(recipe: Recipe) -> str:
    """Return the methods, those of one certainty together: mark, methods, numbers' mark."""
    told = [
        f"{mark} {', '.join(map(method, stages))}{numbers}"
        for (mark, numbers), stages in groupby(recipe.stages, _stage_marks)
    ]
    return "; ".join(told) or MARKS["none"]


def _stage_marks(stage: TrainingStage) -> tuple[str, str]:
    """Return the mark of a stage's method, and that of its numbers where it is another."""
    numbers = MARKS[stage.numbers_known]
    mark = MARKS[stage.known]
    return mark, "" if numbers == mark else f" (numbers {numbers})"


def _marked(mark: str, text: str) -> str:
    said = text.replace("|", "\\|")
    return f"{mark} {said}" if said and mark != MARKS["none"] else mark


def _code(*names: str) -> str:
    return ", ".join(f"`{name}`" for name in names if name)


def trainer(recipe: Recipe) -> str:
    """Return the stages' methods in order, as `SFT, GRPO`."""
    return ", ".join(method(stage) for stage in recipe.stages)


def method(stage: TrainingStage) -> str:
    """Return what the field calls a stage's method."""
    if isinstance(stage.config, RlConfig):
        return ALGORITHMS[stage.config.algorithm]
    return METHODS[stage.kind] + (f" × {stage.rounds}" if stage.rounds > 1 else "")


def headline(result: PaperResult) -> str:
    """Return a result in short: its first score, with model and measure."""
    data, score = next(iter(result.scores.items()))
    return f"{score:g} {result.measure} on {data}, {result.model}"


def describe(recipe: Recipe) -> str:
    """Return a recipe as text for a terminal."""
    parts = [
        f"{recipe.system} ({recipe.name})\n{recipe.idea}",
        _list("Paper", [recipe.paper, recipe.repository]),
        _list("Model", [recipe.model, *(f"released: {one}" for one in recipe.released)]),
        _list("Questions", _questions(recipe)),
        _list("Dialect", [f"{MARKS[recipe.dialect_known]} {recipe.dialect}"]),
        _list("Tools", _named(recipe.tools)),
        _list("Filters", _named(recipe.filters)),
        *(_list(f"Training: {stage.name}", _stage(stage)) for stage in recipe.stages),
        _list("Methods of its own", [f"{k}: {v}" for k, v in recipe.methods.items()]),
        _list("The paper's figures", map(_figures, recipe.results)),
        _list("Not verified", recipe.unverified),
        _list("Files it needs", [f"{k}: {v}" for k, v in recipe.needs.items()]),
        _list("Full size", recipe.commands),
        _list("At a desk it differs in", recipe.desk.departures),
        _list("Marks", [f"{MARKS[one]} {KNOWN[one]}" for one in _used(recipe)]),
    ]
    return "\n\n".join(part for part in parts if part)


def _used(recipe: Recipe) -> list[Known]:
    """Return every way in which something of the recipe is known, in the order of marks."""
    used = {
        *(recipe.known[part] for part in ("questions", "dialect", "tools", "filters")),
        *(known for stage in recipe.stages for known in (stage.known, stage.numbers_known)),
        *(result.known for result in recipe.results),
    }
    return [known for known in KNOWN if known in used]


def result_line(result: PaperResult) -> str:
    """Return a result with all its figures and where they stand."""
    scores = ", ".join(f"{data} {score:g}" for data, score in result.scores.items())
    setting = f" ({result.setting})" if result.setting else ""
    return f"{result.model}, {result.measure}{setting}: {scores}. {result.source}"


def _figures(result: PaperResult) -> str:
    return f"{MARKS[result.known]} {result_line(result)}"


def _questions(recipe: Recipe) -> list[str]:
    source = recipe.questions
    made = [f"here: deepsearch {source.made_by}"] if source.made_by else []
    return [f"{MARKS[source.known]} {source.data}", *made]


def _named(part: Any) -> list[str]:
    """Return the fields of a part that are set, before the first how the part is known."""
    values = [(one.name, getattr(part, one.name)) for one in fields(part)]
    first, *others = [
        f"{name.replace('_', ' ')}: {value}"
        for name, value in values
        if value and name != "known"
    ]
    return [f"{MARKS[part.known]} {first}", *others]


def _stage(stage: TrainingStage) -> list[str]:
    given = told_settings(stage)
    settings = ", ".join(f"{name} {json.dumps(value)}" for name, value in given.items())
    start = [f"starts from: {stage.start}"] if stage.start else []
    note = [stage.note] if stage.note else []
    mark, numbers = _stage_marks(stage)
    return [f"{mark} {method(stage)} on {stage.data}{numbers}", *start, settings, *note]


def told_settings(stage: TrainingStage) -> dict[str, Any]:
    """Return the settings that are always told, and those that are no defaults."""
    defaults = type(stage.config)().to_json()
    return {
        name: value
        for name, value in stage.config.to_json().items()
        if name in TOLD or name not in defaults or defaults[name] != value
    }


def _list(title: str, lines: Iterable[str] | Sequence[str]) -> str:
    said = [f"  {line}" for line in lines]
    return "\n".join([title, *said]) if said else ""
