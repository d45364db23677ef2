"""What a curation did: counts, examples, constants and inputs."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.table import Table

from .distributions import Distributions
from .filters import Filter
from .inputs import Place

MAX_EXAMPLES = 5
"""Removed traces named for each filter."""

MAX_OPENED = 2
"""Of these, how many can be opened on the page."""


@dataclass
class FilterCount:
    """What one filter saw and removed."""

    name: str
    dimension: str
    source: str
    unit: str = "trace"
    """What is counted: traces, or questions."""
    seen: int = 0
    removed: int = 0
    examples: list[dict[str, str]] = field(default_factory=list)
    """`id` (of a trace or a question) and `reason` of the first removed."""
    places: list[Place] = field(default_factory=list)
    """Where the first of them stand in the input; not part of the plain data."""

    @classmethod
    def of(cls, one: Filter) -> FilterCount:
        """Return an empty count for a filter."""
        return cls(one.name, one.dimension, one.source)

    @property
    def kept(self) -> int:
        """How many passed."""
        return self.seen - self.removed

    def remove(self, trace_id: str, reason: str, place: Place) -> None:
        """Count one removed trace, or a removed question by its first valid run."""
        self.removed += 1
        if len(self.examples) < MAX_EXAMPLES:
            self.examples.append({"id": trace_id, "reason": reason})
        if len(self.places) < MAX_OPENED:
            self.places.append(place)

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        values = asdict(self)
        del values["places"]
        return {**values, "kept": self.kept}


@dataclass
class CurationReport:
    """The figures of one curation."""

    preset: dict[str, Any]
    without: tuple[str, ...]
    filters: list[FilterCount]
    difficulty: FilterCount
    final_filters: list[FilterCount]
    inputs: list[dict[str, Any]] = field(default_factory=list)
    """`path`, `sha256` and `bytes` of every input file."""
    read: int = 0
    duplicates: int = 0
    """Traces that were read before; left out."""
    questions: int = 0
    unjudged: int = 0
    """Traces without any outcome."""
    verdicts: dict[str, Any] | None = None
    """The file of verdicts: `path`, `sha256`, `bytes`, the `kind` of outcome they became, how
    many were `given`, how many `used`, and how many `traces` got one; None without one."""
    scored: int = 0
    """Traces that came unscored, or corrected, and were scored here."""
    corrected: int = 0
    corrections: Counter[str] = field(default_factory=Counter)
    difficulty_histogram: dict[str, int] = field(default_factory=dict)
    """Questions by the share of their rollouts that is correct."""
    before: Distributions = field(default_factory=Distributions)
    """Of all traces read."""
    after: Distributions = field(default_factory=Distributions)
    """Of the kept ones."""
    valid: int = 0
    valid_questions: int = 0
    not_selected: int = 0
    """Valid runs of kept questions that another run of the question beat."""
    over_limit: int = 0
    """Selected runs beyond `max_records`."""
    kept: int = 0
    why_empty: str = ""
    seconds: float = 0.0
    output: Path = Path()

    def to_json(self) -> dict[str, Any]:
        """Return plain data, as `curation.json` holds it."""
        data = dict(vars(self))
        return {
            **data,
            "without": list(self.without),
            "filters": [f.to_json() for f in self.filters],
            "difficulty": self.difficulty.to_json(),
            "final_filters": [f.to_json() for f in self.final_filters],
            "corrections": dict(self.corrections),
            "before": self.before.to_json(),
            "after": self.after.to_json(),
            "output": str(self.output) if self.kept else None,
            "seconds": round(self.seconds, 3),
        }

    def steps(self) -> list[FilterCount]:
        """Return every step that removes something, in order."""
        return [*self.filters, self.difficulty, *self.final_filters]

    def table(self) -> Table:
        """Return the counts, a row a step."""
        title = f"{self.kept} of {self.read} traces kept ({self.preset['name']})"
        table = Table("step", "dimension", "seen", "removed", "kept", title=title)
        for step in (*self.filters, self.difficulty):
            table.add_row(*_row(step))
        valid = self.difficulty.kept
        table.add_row("selection", "effectiveness", "", str(self.not_selected), "")
        for step in self.final_filters:
            table.add_row(*_row(step))
        table.caption = (
            f"{self.corrected} answers corrected; {self.questions} questions, "
            f"{valid} of {self.difficulty.seen} with a valid run kept by difficulty"
        )
        if self.verdicts:
            table.caption += f"; {self.verdicts_used}"
        return table

    @property
    def verdicts_used(self) -> str:
        """How many of the given verdicts were used, in words; empty without any."""
        given = self.verdicts
        return f"{given['used']} of {given['given']} verdicts used" if given else ""

    def largest_remover(self) -> FilterCount | None:
        """Return the step that removed most, None when nothing was removed."""
        most = max(self.steps(), key=lambda step: step.removed)
        return most if most.removed else None


def _row(step: FilterCount) -> tuple[str, ...]:
    counts = (step.seen, step.removed, step.kept)
    name = step.name if step.unit == "trace" else f"{step.name} ({step.unit}s)"
    return (name, step.dimension, *(str(count) for count in counts))
