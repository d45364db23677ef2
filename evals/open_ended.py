"""Open-ended questions: what O2-Searcher measures of an answer that is a list of findings.

Whoever scores such a run takes `score_open_ended`: an evaluation, and the reward of
reinforcement learning. Not here: the paper's LFS, a model's own matching of findings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from ..nodes.dialects import dialect_of
from ..trace import Trace
from .asked_queries import queries
from .bootstrap import Interval, intervals
from .findings import MATCH_THRESHOLD, diversity, findings, findings_form, match_findings
from .query_diversity import query_diversity
from .question_key import QuestionKey, question_key, runs_of_questions
from .similarity import Similarity, default_similarity

if TYPE_CHECKING:
    from rich.table import Table

SCALE = 0.5
"""Factor of the composite, so an open question gives at most half of a closed one
(o2searcher/rewards/__init__.py:6-14)."""

FORMAT_WEIGHT, F1_WEIGHT, QUERY_WEIGHT = 1.0, 1.0, 0.5
"""Weights of the composite's three parts (the same); their sum divides."""

UNIT = SCALE / (FORMAT_WEIGHT + F1_WEIGHT + QUERY_WEIGHT)
"""What a part of weight 1 gives at most."""

OPEN_MEASURES = (
    *("findings_f1", "findings_precision", "findings_recall", "format"),
    *("diversity", "query_diversity", "findings", "composite", "searches", "tokens"),
)
"""Means that an evaluation of open-ended questions gives."""


@dataclass(frozen=True)
class OpenEndedScore:
    """How good the answer to an open-ended question is; all but `findings` from 0 to 1."""

    findings_f1: float = 0.0
    """Of findings matched one to one with the reference findings."""
    findings_precision: float = 0.0
    findings_recall: float = 0.0
    format: float = 0.0
    """Bullets, number and diversity of the list, less three times its repeats."""
    diversity: float = 0.0
    """How unlike each other the findings are; 0 without any."""
    query_diversity: float = 0.0
    """How independent the run's queries are."""
    findings: int = 0
    """How many there are."""

    @property
    def composite(self) -> float:
        """O2-Searcher's reward, at most a half."""
        return UNIT * (
            FORMAT_WEIGHT * self.format
            + F1_WEIGHT * self.findings_f1
            + QUERY_WEIGHT * self.query_diversity
        )


def score_open_ended(
    trace: Trace,
    similarity: Similarity | None = None,
    threshold: float = MATCH_THRESHOLD,
) -> OpenEndedScore:
    """Score a run of an open-ended question; its gold answers are the key findings.

    Args:
        trace: the run.
        similarity: compares findings and queries; `default_similarity()` if None.
        threshold: least similarity of a finding and its reference.
    """
    similarity = similarity or default_similarity()
    found = findings(trace.answer)
    match = match_findings(found, trace.golds, similarity, threshold)
    asked = queries(trace, dialect_of(trace))
    return OpenEndedScore(
        findings_f1=match.f1,
        findings_precision=match.precision,
        findings_recall=match.recall,
        format=findings_form(trace.answer),
        diversity=diversity(found) if found else 0.0,
        query_diversity=query_diversity(asked, similarity),
        findings=len(found),
    )


@dataclass(frozen=True)
class OpenEndedRow:
    """How one run of one open-ended question went."""

    id: str
    question: str
    golds: tuple[str, ...]
    answer: str | None
    score: OpenEndedScore
    searches: int
    tokens: int
    stop_reason: str

    @property
    def key(self) -> QuestionKey:
        """What tells its question from others."""
        return self.id, self.question

    def values(self) -> dict[str, float]:
        """Return the measures by name."""
        own = {**asdict(self.score), "composite": self.score.composite}
        return {**own, "searches": self.searches, "tokens": self.tokens}

    def to_json(self) -> dict[str, Any]:
        """Return the run as `evaluation.json` holds it."""
        shown = {"answer": self.answer, "stop_reason": self.stop_reason}
        return {**self.values(), **shown}


@dataclass(frozen=True)
class OpenEndedSummary:
    """The figures of the open-ended questions of an evaluation."""

    n: int
    similarity: str
    """What compared sentences: a sentence model's name, or `tfidf` in its stead."""
    means: Mapping[str, float] = field(default_factory=dict)
    intervals: Mapping[str, Interval] = field(default_factory=dict)
    """95 % bootstrap interval of each mean."""
    rows: tuple[OpenEndedRow, ...] = ()

    @property
    def asked(self) -> int:
        """How many questions the runs are of."""
        return len({row.key for row in self.rows})

    def to_json(self) -> dict[str, Any]:
        """Return the figures without the rows."""
        return {
            "n": self.n,
            "asked": self.asked,
            "similarity": self.similarity,
            **self.means,
            "intervals": {name: list(span) for name, span in self.intervals.items()},
        }

    def table(self) -> Table:
        """Return the figures as a table for the terminal."""
        from rich.table import Table

        size = runs_of_questions(self.n, self.asked, "open-ended")
        title = f"{size}, sentences compared by {self.similarity}"
        table = Table("measure", "value", "95 % interval", title=title)
        for name, mean in self.means.items():
            low, high = self.intervals[name]
            table.add_row(name, f"{mean:.3f}", f"{low:.3f} to {high:.3f}")
        return table


def summarize_open_ended(
    rows: Sequence[OpenEndedRow], similarity: str, *, seed: int = 0
) -> OpenEndedSummary | None:
    """Return the figures of scored runs; None without any."""
    if not rows:
        return None
    values = [row.values() for row in rows]
    groups: dict[QuestionKey, dict[str, list[float]]] = {}
    for row, measured in zip(rows, values, strict=True):
        group = groups.setdefault(row.key, {name: [] for name in OPEN_MEASURES})
        for name in OPEN_MEASURES:
            group[name].append(float(measured[name]))
    return OpenEndedSummary(
        n=len(rows),
        similarity=similarity,
        means={
            name: sum(float(one[name]) for one in values) / len(values)
            for name in OPEN_MEASURES
        },
        intervals=intervals(list(groups.values()), seed=seed),
        rows=tuple(rows),
    )


def open_ended_row(trace: Trace, similarity: Similarity) -> OpenEndedRow:
    """Score one run of an open-ended question."""
    return OpenEndedRow(
        id=question_key(trace)[0],
        question=trace.question,
        golds=tuple(trace.golds),
        answer=trace.answer,
        score=score_open_ended(trace, similarity),
        searches=trace.usage.searches,
        tokens=trace.usage.completion_tokens,
        stop_reason=trace.stop_reason,
    )
