"""The comparison's figures and report: the checkpoint, the arms, and their curves."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ablation_table import MEASURES, difference, figures, said

from langgraph_deepsearch.evals.charts import Bar, bars, legend, line
from langgraph_deepsearch.evals.markup import Markup, element, page, stylesheet
from langgraph_deepsearch.evals.run_facts import settings_list

Cell = Mapping[str, Any]

LABELS = {
    "reinforce": "REINFORCE++",
    "grpo": "GRPO",
    "dpo": "DPO",
}

CURVES = {
    "reward": "Mean reward of a step's runs",
    "rewards/f1/mean": "F1 of a step's runs",
    "rewards/searches/mean": "Searches of a step's runs",
    "sampling/sampling_logp_difference/mean": "Server's log-probabilities against the trainer's",
    "rewards/margins": "Margin of the chosen over the rejected",
    "loss": "Loss",
}
"""Curves that are shown, where a training has them."""


def summarize(before: Cell, cells: Sequence[Cell]) -> list[dict[str, Any]]:
    """Return a row for the checkpoint and for each arm: means, intervals, differences."""
    rows: list[dict[str, Any]] = [
        {"arm": "checkpoint", "seeds": [], **figures([before["runs"]]), "difference": None}
    ]
    for arm in dict.fromkeys(cell["arm"] for cell in cells):
        own = [cell for cell in cells if cell["arm"] == arm]
        rows.append(
            {
                "arm": arm,
                "seeds": [cell["seed"] for cell in own],
                **figures([cell["runs"] for cell in own]),
                "by_seed": {c["seed"]: {m: c[m] for m in MEASURES} for c in own},
                "difference": difference([(cell, before) for cell in own]),
                "seconds": {c["seed"]: round(sum(c["seconds"].values())) for c in own},
            }
        )
    return rows


def to_markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the table for people."""
    lines = [
        "| model | seeds | F1 | F1 by seed | searches | F1 minus checkpoint | searches minus |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        gap = row["difference"]
        by_seed = row.get("by_seed", {}).values()
        cells = [
            LABELS.get(row["arm"], row["arm"]),
            str(len(row["seeds"])),
            said(row["f1"], 3),
            ", ".join(f"{seed['f1']:.3f}" for seed in by_seed),
            said(row["searches"], 2),
            said(gap["f1"], 3, signed=True) if gap else "",
            said(gap["searches"], 2, signed=True) if gap else "",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def write_tables(
    out: Path, before: Cell, cells: Sequence[Cell], config: Mapping[str, Any]
) -> None:
    """Write `rl_desk.json`, `rl_desk.md` and `report.html`."""
    rows = summarize(before, cells)
    kept = ("name", "seconds", "steps", "tokens", "trained_tokens", "curves")
    record = {
        "config": dict(config),
        "test_questions": len(before["runs"]),
        "rows": rows,
        "cells": [{name: cell[name] for name in kept} for cell in cells],
    }
    texts = {
        "rl_desk.json": json.dumps(record, indent=1) + "\n",
        "rl_desk.md": to_markdown(rows),
        "report.html": to_page(rows, cells, config),
    }
    for name, text in texts.items():
        partial = out / f".{name}.partial"
        partial.write_text(text, encoding="utf-8")
        partial.replace(out / name)


def to_page(
    rows: Sequence[Mapping[str, Any]], cells: Sequence[Cell], config: Mapping[str, Any]
) -> str:
    """Return the report: figures first, then each arm's curves, seed by seed."""
    title = "After fine-tuning: preferences and reinforcement on the desk world"
    body = element(
        "main",
        element("header", element("h1", title), _scores(rows)),
        element("section", element("h2", "Figures"), _table(rows)),
        *(_arm(arm, cells) for arm in dict.fromkeys(cell["arm"] for cell in cells)),
        element("section", element("h2", "Settings"), settings_list(config)),
    )
    return page(title, stylesheet("page.css", "report.css"), body)


def _scores(rows: Sequence[Mapping[str, Any]]) -> Markup:
    def bar(row: Mapping[str, Any], measure: str) -> Bar:
        series = "before" if row["arm"] == "checkpoint" else "after"
        low, high = row[measure]["interval"]
        return Bar(series, row[measure]["mean"], (low, high))

    most = max(row["searches"]["interval"][1] for row in rows) or 1.0
    by_arm = {LABELS.get(row["arm"], "Checkpoint"): row for row in rows}
    return element(
        "div",
        element("h2", "F1"),
        bars({label: [bar(row, "f1")] for label, row in by_arm.items()}),
        element("h2", "Searches a question"),
        bars({label: [bar(row, "searches")] for label, row in by_arm.items()}, top=most),
        legend({"before": "The fine-tuned checkpoint", "after": "Trained further"}),
        element(
            "p",
            "Held-out questions, means over questions and seeds; thin lines are 95 % "
            "intervals from draws of questions.",
            class_="muted small",
        ),
    )


def _table(rows: Sequence[Mapping[str, Any]]) -> Markup:
    names = ("", "Seeds", "F1", "Exact match", "Searches", "F1 minus checkpoint")
    lines = [
        element(
            "tr",
            element("th", LABELS.get(row["arm"], "Checkpoint"), scope="row"),
            element("td", len(row["seeds"]) or "\u2013"),
            element("td", said(row["f1"], 3)),
            element("td", said(row["em"], 3)),
            element("td", said(row["searches"], 2)),
            element(
                "td",
                said(row["difference"]["f1"], 3, signed=True) if row["difference"] else "",
            ),
        )
        for row in rows
    ]
    head = element(
        "thead", element("tr", *(element("th", name, scope="col") for name in names))
    )
    return element("div", element("table", head, element("tbody", *lines)), class_="wide")


def _arm(arm: str, cells: Sequence[Cell]) -> Markup:
    plots = [
        element(
            "figure",
            element("figcaption", f"{label}, seed {cell['seed']}"),
            line(list(enumerate(values, 1)), x="step", y=label),
        )
        for name, label in CURVES.items()
        for cell in cells
        if cell["arm"] == arm and len(values := cell["curves"].get(name, [])) > 1
    ]
    return element(
        "section",
        element("h2", f"Training: {LABELS[arm]}"),
        element("div", *plots, class_="figures"),
    )
