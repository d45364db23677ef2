"""The comparison's figures: which traces a cell takes, and what the cells say together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any

from langgraph_deepsearch.evals.bootstrap import intervals
from langgraph_deepsearch.evals.evaluation import question_row
from langgraph_deepsearch.trace import Trace

ARMS: dict[str, tuple[str, ...] | None] = {
    "uncurated": None,
    "curated": (),
    "without_format": ("format",),
    "without_path": ("path",),
    "without_difficulty": ("difficulty",),
    "without_effectiveness": ("effectiveness",),
}
"""Arm to what its curation leaves out; None for no curation at all."""

MEASURES = ("f1", "em", "searches")


def sample(traces: Iterable[Trace], size: int, seed: int) -> list[str]:
    """Return ids of n traces, one a question, in an order that depends on the seed alone.

    A question has its place in the order whatever else the pool holds, so two pools give
    the same questions as far as both have them.
    """
    best: dict[tuple[str, str], tuple[bytes, str]] = {}
    for trace in traces:
        key = trace.question_id, trace.question
        drawn = _digest(f"{seed}\0{trace.id}")
        if key not in best or drawn < best[key][0]:
            best[key] = drawn, trace.id
    order = sorted(best, key=lambda key: (_digest(f"{seed}\0{key[0]}"), key[1]))
    return [best[key][1] for key in order[:size]]


def _digest(text: str) -> bytes:
    return sha256(text.encode()).digest()


def is_right(trace: Trace) -> bool:
    """Tell whether a training trace ends in the gold answer."""
    return trace.outcome.get("em") == 1


def run_row(trace: Trace) -> dict[str, Any]:
    """Return what a cell keeps of an answered question."""
    row = question_row(trace)
    return {"id": row.id, **{measure: getattr(row, measure) for measure in MEASURES}}


def summarize(cells: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return a row for each arm and size: means, intervals, differences between arms.

    `without_difficulty` minus `uncurated` is curation on nearly the same questions; the
    difficulty rule alone changes which they are.
    """
    rows = []
    for size in sorted({cell["size"] for cell in cells}):
        of_size = [cell for cell in cells if cell["size"] == size]
        arms = {cell["arm"]: None for cell in of_size}
        for arm in sorted(arms, key=list(ARMS).index):
            own = {c["seed"]: c for c in of_size if c["arm"] == arm}
            base, raw = (
                {c["seed"]: c for c in of_size if c["arm"] == other}
                for other in ("curated", "uncurated")
            )
            rows.append(
                {
                    "arm": arm,
                    "n": size,
                    "seeds": sorted(own),
                    "right": sum(c["right"] for c in own.values()) / len(own),
                    "questions_shared": shared_questions(own, base),
                    "same_data_as": sorted(
                        {c["same_data_as"] for c in own.values()} - {None}
                    ),
                    "is_curated": arm != "curated" and same_traces(own, base),
                    **figures([c["runs"] for c in own.values()]),
                    "by_seed": {
                        s: {m: c[m] for m in MEASURES} for s, c in sorted(own.items())
                    },
                    "minus_curated": minus(own, base) if arm != "curated" else None,
                    "minus_uncurated": minus(own, raw) if arm != "uncurated" else None,
                }
            )
    return rows


Cells = Mapping[int, Mapping[str, Any]]
"""Cells of one arm and size by seed."""


def shared_questions(own: Cells, base: Cells) -> float | None:
    """Return on how many questions of `curated` an arm was trained, the mean over seeds."""
    both = [
        len(set(own[s]["questions"]) & set(base[s]["questions"])) for s in own if s in base
    ]
    return sum(both) / len(both) if both else None


def same_traces(own: Cells, base: Cells) -> bool:
    """Tell whether an arm was trained on the very traces of `curated`, with every seed."""
    return all(s in base and own[s]["data_sha256"] == base[s]["data_sha256"] for s in own)


def minus(own: Cells, other: Cells) -> dict[str, Any] | None:
    """Return the difference of two arms over the seeds that both have."""
    return difference([(own[s], other[s]) for s in own if s in other])


def figures(runs: Sequence[Sequence[Mapping[str, Any]]]) -> dict[str, Any]:
    """Return mean and interval of each measure over seeds' runs; questions are drawn."""
    groups: dict[str, dict[str, list[float]]] = {}
    for run in (entry for seed in runs for entry in seed):
        group = groups.setdefault(run["id"], {m: [] for m in MEASURES})
        for measure in MEASURES:
            group[measure].append(run[measure])
    spans = intervals(list(groups.values()))
    return {
        measure: {
            "mean": sum(v for g in groups.values() for v in g[measure])
            / sum(len(g[measure]) for g in groups.values()),
            "interval": spans[measure],
        }
        for measure in MEASURES
    }


def difference(
    pairs: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]],
) -> dict[str, Any] | None:
    """Return the figures of (own, base) cells' gaps, question by question; None: no gap."""
    gaps = []
    for own, base in pairs:
        theirs = {run["id"]: run for run in base["runs"]}
        gaps.append(
            [
                {"id": r["id"], **{m: r[m] - theirs[r["id"]][m] for m in MEASURES}}
                for r in own["runs"]
                if r["id"] in theirs
            ]
        )
    return figures(gaps) if any(gaps) else None


def to_markdown(rows: Sequence[Mapping[str, Any]], left: int) -> str:
    """Return the table for people."""
    lines = [
        "| arm | n | right in training | questions as in curated | F1 | by seed | searches "
        "| F1 minus curated | searches minus curated | F1 minus uncurated |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        seeds = row["by_seed"].values()
        shared = row["questions_shared"]
        cells = [
            row["arm"],
            str(row["n"]),
            f"{row['right']:.0f}",
            "" if shared is None else f"{shared:.0f}",
            said(row["f1"], 3),
            ", ".join(f"{seed['f1']:.3f}" for seed in seeds),
            said(row["searches"], 2),
            *gaps(row),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    if left:
        lines.append(f"\n{left} cells are not done yet.")
    return "\n".join(lines) + "\n"


def gaps(row: Mapping[str, Any]) -> list[str]:
    """Return an arm's differences; the same traces as `curated` have none to it."""
    gap, raw = row["minus_curated"], row["minus_uncurated"]
    to_raw = said(raw["f1"], 3, signed=True) if raw else ""
    if row["is_curated"]:
        return ["the same traces", "", to_raw]
    if not gap:
        return ["", "", to_raw]
    f1, searches = said(gap["f1"], 3, signed=True), said(gap["searches"], 2, signed=True)
    return [f1, searches, to_raw]


def said(figure: Mapping[str, Any], digits: int, *, signed: bool = False) -> str:
    """Return a figure as `mean (low to high)`."""
    form = f"{'+' if signed else ''}.{digits}f"
    low, high = figure["interval"]
    return f"{figure['mean']:{form}} ({low:{form}} to {high:{form}})"
