"""The transfer's figures: each dialect's, and its difference to the one the traces spoke."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ablation_table import MEASURES, difference, figures, said

Key = tuple[str, int]
"""Loop and seed of a cell: cells that share them are compared."""


def summarize(cells: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return a row for each dialect, the traces' own first."""
    bases = {cell["base"] for cell in cells}
    base = {_key(cell): cell for cell in cells if cell["dialect"] == cell["base"]}
    dialects = sorted(
        {cell["dialect"] for cell in cells}, key=lambda d: (d not in bases, d)
    )
    return [_row(d, [c for c in cells if c["dialect"] == d], base) for d in dialects]


def _row(
    dialect: str,
    own: Sequence[Mapping[str, Any]],
    base: Mapping[Key, Mapping[str, Any]],
) -> dict[str, Any]:
    others = [cell for cell in own if cell["dialect"] != cell["base"]]
    pairs = [(cell, base[_key(cell)]) for cell in others if _key(cell) in base]
    return {
        "dialect": dialect,
        "is_base": not others,
        "traces": sum(cell["traces"] for cell in own) / len(own),
        "left_out": sum(len(cell["left_out"]) for cell in own),
        "engines": sorted({cell["engine"] for cell in own}),
        "minutes": _minutes(own),
        **figures([cell["runs"] for cell in own]),
        "minus_base": difference(pairs) if pairs else None,
        "by_seed": [_of_seed(cell, base) for cell in sorted(own, key=_key)],
    }


def _of_seed(
    cell: Mapping[str, Any], base: Mapping[Key, Mapping[str, Any]]
) -> dict[str, Any]:
    other = base.get(_key(cell))
    is_pair = other is not None and cell["dialect"] != cell["base"]
    return {
        "loop": cell["loop"],
        "seed": cell["seed"],
        "n": len(cell["runs"]),
        **{measure: cell[measure] for measure in MEASURES},
        "minus_base": difference([(cell, other)]) if is_pair and other else None,
    }


def _key(cell: Mapping[str, Any]) -> Key:
    return cell["loop"], cell["seed"]


def _minutes(own: Sequence[Mapping[str, Any]]) -> float | None:
    """Return a cell's mean time of training and answering; None where loops spent it."""
    spent = [
        (cell["training_seconds"] or 0.0) + cell["answering_seconds"]
        for cell in own
        if not cell["taken_from_loop"]
    ]
    return sum(spent) / len(spent) / 60 if spent else None


def to_markdown(rows: Sequence[Mapping[str, Any]], left: int) -> str:
    """Return the tables for people."""
    lines = [
        "| dialect | seeds | traces | EM | F1 | searches | F1 minus the traces' own | minutes |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        gap, minutes = row["minus_base"], row["minutes"]
        cells = [
            f"{row['dialect']} (the traces' own)" if row["is_base"] else row["dialect"],
            str(len(row["by_seed"])),
            f"{row['traces']:.0f}",
            said(row["em"], 3),
            said(row["f1"], 3),
            said(row["searches"], 2),
            said(gap["f1"], 3, signed=True) if gap else "",
            "" if minutes is None else f"{minutes:.0f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", "| dialect | loop | seed | n | EM | F1 | F1 minus the traces' own |"]
    lines.append("|---|---|---|---|---|---|---|")
    for row in rows:
        for one in row["by_seed"]:
            gap = one["minus_base"]
            cells = [
                row["dialect"],
                one["loop"],
                str(one["seed"]),
                str(one["n"]),
                f"{one['em']:.3f}",
                f"{one['f1']:.3f}",
                said(gap["f1"], 3, signed=True) if gap else "",
            ]
            lines.append(f"| {' | '.join(cells)} |")
    if left:
        lines.append(f"\n{left} cells are not done yet.")
    return "\n".join(lines) + "\n"
