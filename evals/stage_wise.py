"""Where the gold answer shows up along a run: planning, search, summary (Table 6)."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from ..trace import Trace
from .metrics import tokens


@dataclass(frozen=True)
class Stages:
    """Shares of runs, 0 to 1, in which a gold answer appears at a stage."""

    planning: float = 0.0
    """In what the model wrote before its answer turn."""
    search: float = 0.0
    """In a document that a search returned."""
    summary: float = 0.0
    """In the evidence that was given to the model."""
    n: int = 0
    """Runs counted: those with gold answers."""

    def to_json(self) -> dict[str, float]:
        """Return the shares by name."""
        return asdict(self)


def stage_wise(
    traces: Iterable[Trace], *, answer_turn: bool = False, searched_only: bool = False
) -> Stages:
    """Return in how many runs the gold answer appears at each stage.

    A gold appears where its words follow each other in the text, accents decomposed and
    case ignored. Messages of the harness (limit, repeat) are no finding and not looked at.

    Args:
        traces: runs; those without gold answers are left out.
        answer_turn: count the final answer turn as planning too. The reference does
            (stage_wise_analysis.py:546-576), which makes planning at least the share of
            right answers; without it planning tells what was worked out beforehand.
        searched_only: leave out runs that never searched.
    """
    return mean_stages(
        stages_of(trace, answer_turn=answer_turn)
        for trace in traces
        if trace.golds and (trace.searches or not searched_only)
    )


def mean_stages(hits: Iterable[tuple[bool, bool, bool]]) -> Stages:
    """Return the shares of runs from what `stages_of` says of each; all 0 without runs."""
    columns = list(zip(*hits, strict=True))
    if not columns:
        return Stages()
    planning, search, summary = (sum(column) / len(column) for column in columns)
    return Stages(planning, search, summary, len(columns[0]))


def stages_of(trace: Trace, *, answer_turn: bool = False) -> tuple[bool, bool, bool]:
    """Return whether a gold of one run appears in planning, search and summary."""
    golds = [folded for gold in trace.golds if (folded := _fold(gold)).strip()]
    answering = {s.turn for s in trace.segments if s.kind == "answer"}
    planning = [
        s.text
        for s in trace.segments
        if s.trainable and (answer_turn or s.turn not in answering)
    ]
    search = [
        text
        for record in trace.searches
        for document in record.documents
        for text in (document.title, document.text, document.snippet)
    ]
    summary = [s.text for s in trace.segments if s.kind == "result"]
    return _appears(golds, planning), _appears(golds, search), _appears(golds, summary)


def _appears(golds: Sequence[str], texts: Iterable[str]) -> bool:
    return any(gold in folded for folded in map(_fold, texts) for gold in golds)


def _fold(text: str) -> str:
    """Return the text's words between single spaces, ends included, for containment."""
    decomposed = unicodedata.normalize("NFD", text.lower())
    # Letters, numbers and marks make words, as in the reference's tokenizer.
    kept = (c if unicodedata.category(c)[0] in "LNM" else " " for c in decomposed)
    return f" {' '.join(tokens(''.join(kept)))} "
