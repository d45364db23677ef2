"""Outcomes for traces that come with gold answers and without one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ..evals.metrics import outcome
from ..trace import Trace

Scorer = Callable[[str | None, Sequence[str]], Mapping[str, float]]
"""From an answer and its golds to a trace's `outcome`."""

SCORES = frozenset({"em", "f1", "acc"})
"""Entries of an outcome that golds give; a judge's or a user's verdict is another matter."""


def needs_score(trace: Trace) -> bool:
    """Tell whether a trace has golds and no score by them."""
    return bool(trace.golds) and not SCORES & set(trace.outcome)


def scored(trace: Trace, scorer: Scorer = outcome) -> Trace:
    """Return the trace with its answer scored against its golds; verdicts stay."""
    new = {**trace.outcome, **scorer(trace.answer, trace.golds)}
    return trace.model_copy(update={"outcome": new})
