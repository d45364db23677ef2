"""What a sampling did: counts, shares before and after, examples, constants and inputs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.table import Table

from .candidates import Candidate

MAX_EXAMPLES = 10
"""Pairs of questions shown for each reason to leave one out."""

TOP_KEY_POINTS = 30
"""Key points listed, the most frequent first."""


@dataclass(frozen=True)
class PoolFigures:
    """What a set of questions looks like."""

    questions: int
    domains: dict[str, int]
    sources: dict[str, int]
    interrogatives: dict[int, int]
    """Questions by their number of interrogative words."""
    mean_interrogatives: float
    distinct_key_points: int
    key_points: dict[str, int]
    """The most frequent."""

    @classmethod
    def of(cls, pool: Iterable[Candidate]) -> PoolFigures:
        """Count a set of questions."""
        candidates = list(pool)
        words = Counter(candidate.interrogatives for candidate in candidates)
        points = Counter(p for candidate in candidates for p in candidate.key_points)
        total = sum(number * count for number, count in words.items())
        return cls(
            questions=len(candidates),
            domains=_largest_first(Counter(c.domain for c in candidates)),
            sources=_largest_first(Counter(c.source for c in candidates)),
            interrogatives=dict(sorted(words.items())),
            mean_interrogatives=round(total / max(1, len(candidates)), 3),
            distinct_key_points=len(points),
            key_points=dict(_ranked(points)[:TOP_KEY_POINTS]),
        )


def _ranked(counts: Counter[str]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))


def _largest_first(counts: Counter[str]) -> dict[str, int]:
    return dict(_ranked(counts))


@dataclass
class SamplingReport:
    """The figures of one sampling."""

    plan: dict[str, Any]
    inputs: list[dict[str, Any]] = field(default_factory=list)
    read: int = 0
    unannotated: int = 0
    duplicates: int = 0
    """Questions with the words of an earlier one."""
    near_duplicates: int = 0
    contaminated: dict[str, int] = field(default_factory=dict)
    """Questions left out, by the evaluation set that holds them."""
    evaluation_sets: dict[str, int] = field(default_factory=dict)
    """Questions of each evaluation set that was kept apart."""
    not_in_mix: int = 0
    available: int = 0
    """Questions that could be chosen."""
    selected: int = 0
    groups: dict[str, dict[str, int]] = field(default_factory=dict)
    """Of a mix: `available`, `quota` and `selected` of each group."""
    merged_domains: list[str] = field(default_factory=list)
    """Domains that were too small and counted as `other`."""
    before: PoolFigures | None = None
    """The annotated questions as read."""
    after: PoolFigures | None = None
    examples: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    output: Path = Path()

    @property
    def short_by(self) -> int:
        """How many questions the target lacks."""
        return max(0, self.plan["target"] - self.selected)

    def to_json(self) -> dict[str, Any]:
        """Return plain data, as `sampling.json` holds it."""
        return {
            **vars(self),
            "before": asdict(self.before) if self.before else None,
            "after": asdict(self.after) if self.after else None,
            "short_by": self.short_by,
            "output": str(self.output),
        }

    def steps(self) -> list[tuple[str, int]]:
        """Return what each step left out."""
        sets = [(f"asked in {name}", count) for name, count in self.contaminated.items()]
        return [
            ("not annotated", self.unannotated),
            ("same words as another", self.duplicates),
            ("nearly the same as another", self.near_duplicates),
            *sets,
            ("source not in the mix", self.not_in_mix),
        ]

    def table(self) -> Table:
        """Return the shares before and after, a row a domain."""
        title = f"{self.selected} of {self.read} questions selected"
        table = Table("domain", "before", "after", title=title, min_width=60)
        before = self.before.domains if self.before else {}
        after = self.after.domains if self.after else {}
        for name, count in before.items():
            table.add_row(name or "(none)", str(count), str(after.get(name, 0)))
        left_out = [f"{count} {step}" for step, count in self.steps() if count]
        table.caption = "left out: " + (", ".join(left_out) or "nothing")
        return table


def examples_of(
    pairs: Sequence[tuple[str, str, float]], against: str
) -> list[dict[str, Any]]:
    """Return pairs of questions for the report, the least alike first."""
    shown = sorted(pairs, key=lambda pair: (pair[2], pair[0]))[:MAX_EXAMPLES]
    return [
        {"question": one, against: other, "overlap": round(overlap, 3)}
        for one, other, overlap in shown
    ]
