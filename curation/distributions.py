"""How long, how searching and how thoughtful traces are: counts that a page can draw.

Only counts of whole numbers are kept, so memory does not grow with the traces.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..trace import Trace
from .filters import count_reflections, is_correct
from .filters.outcome import MEASURES as VERDICT_MEASURES
from .transcript import distinct_documents, turn_texts

COARSE_FROM = 100
"""Values from here on are rounded down to tens, which bounds how many there are."""

MOST_NAMES = 40
"""Different names of one group that are counted; the rest are `other`."""

OTHER = "other"

GROUPS = ("domain", "source", "kind", "type", "hops")
"""What a question's metadata may group it by."""


@dataclass(frozen=True)
class Measure:
    """A whole number of a trace."""

    label: str
    unit: str


MEASURES = {
    "searches": Measure("Searches", "searches"),
    "turns": Measure("Turns", "turns"),
    "documents": Measure("Distinct documents", "documents"),
    "words": Measure("Words written", "words"),
    "longest_turn": Measure("Words of the longest turn", "words"),
    "reflections": Measure("Words of rethinking", "words"),
}
"""What is counted of every trace."""

RIGHT = Measure("Questions by rollouts right", "% of rollouts")
"""Counted once a question."""


@dataclass
class Distributions:
    """Counts over a set of traces."""

    traces: int = 0
    measures: dict[str, Counter[int]] = field(
        default_factory=lambda: {name: Counter() for name in MEASURES}
    )
    """Measure to how often each value occurs."""
    right: Counter[int] = field(default_factory=Counter)
    """Questions by the share of their rollouts that is right, in percent."""
    groups: dict[str, Counter[str]] = field(default_factory=dict)
    """Kind of group (`stop_reason`, `domain`, …) to names and how often each occurs."""

    def add(self, trace: Trace, measures: Sequence[str] = VERDICT_MEASURES) -> None:
        """Count one trace; the first of `measures` that it has says whether it is right."""
        self.traces += 1
        for name, value in measure(trace).items():
            self.measures[name][coarse(value)] += 1
        for group, name in _names(trace, measures):
            counts = self.groups.setdefault(group, Counter())
            counts[name if name in counts or len(counts) < MOST_NAMES else OTHER] += 1

    def add_question(self, ratio: float) -> None:
        """Count one question by the share of its rollouts that is right."""
        self.right[round(ratio * 100)] += 1

    def to_json(self) -> dict[str, Any]:
        """Return plain data: values in order, names by frequency."""
        return {
            "traces": self.traces,
            **{name: _in_order(counts) for name, counts in self.measures.items()},
            "right_percent": _in_order(self.right),
            "groups": {
                group: dict(counts.most_common()) for group, counts in self.groups.items()
            },
        }


def measure(trace: Trace) -> dict[str, int]:
    """Return the trace's value of every measure."""
    turns = turn_texts(trace)
    lengths = [len(text.split()) for text in turns]
    return {
        "searches": len(trace.searches) or trace.usage.searches,
        "turns": len(turns),
        "documents": distinct_documents(trace),
        "words": sum(lengths),
        "longest_turn": max(lengths, default=0),
        "reflections": sum(count_reflections(text) for text in turns),
    }


def coarse(value: int) -> int:
    """Return small values as they are, large ones rounded down to tens.

    >>> coarse(99), coarse(1234)
    (99, 1230)
    """
    return value if value < COARSE_FROM else value // 10 * 10


def _names(trace: Trace, measures: Sequence[str]) -> list[tuple[str, str]]:
    verdict = VERDICTS[is_correct(trace, measures)]
    named = [("outcome", verdict), ("stop_reason", trace.stop_reason)]
    named += [("model", trace.model)] if trace.model else []
    for group in GROUPS:
        value = trace.metadata.get(group)
        if isinstance(value, str | int) and value != "":
            named.append((group, str(value)))
    return named


VERDICTS: Mapping[bool | None, str] = {True: "right", False: "wrong", None: "not judged"}


def _in_order(counts: Counter[int]) -> dict[str, int]:
    return {str(value): counts[value] for value in sorted(counts)}
