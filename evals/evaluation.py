"""From evaluated traces to figures: in total, per question, and before against after."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import DeepSearchError
from ..questions import is_open_ended
from ..trace import Trace
from .bootstrap import Interval, intervals
from .metrics import score
from .open_ended import OpenEndedSummary, open_ended_row, summarize_open_ended
from .question_key import QuestionKey, question_key, runs_of_questions
from .redundancy import Redundancy, mean_redundancy, redundancy_of
from .similarity import Similarity, default_similarity
from .stage_wise import Stages, mean_stages, stages_of
from .word_sets import token_recall, word_set_f1

if TYPE_CHECKING:
    from rich.table import Table

OPEN_TABLE = "open_ended_questions"
"""Key of the runs of open-ended questions in the figures' file."""

EVALUATION_FILE = "evaluation.json"
"""Name of the figures' file in a run directory."""

MEASURES = ("em", "f1", "acc", "searches", "tokens")
"""Means that every evaluation gives; `tokens` are those the reasoning model wrote."""


class EvaluationError(DeepSearchError):
    """There is nothing that could be evaluated."""


@dataclass(frozen=True)
class QuestionRow:
    """How one run of one question went."""

    id: str
    """The question's id, or its text where it has none."""
    question: str
    golds: tuple[str, ...]
    answer: str | None
    em: float
    f1: float
    acc: float
    searches: int
    tokens: int
    stop_reason: str
    judge: float | None = None
    """A judge's verdict, None where there was none."""
    token_recall: float = 0.0
    word_set_f1: float = 0.0
    kind: str = ""
    hops: str = ""
    child_calls: int = 0
    child_tokens: int = 0
    failed_searches: int = 0
    recalls: int = 0
    unsearched: float = 0.0
    """1 for an answer without any search, from the model's own knowledge alone."""
    seconds: float = 0.0

    @property
    def key(self) -> QuestionKey:
        """What tells its question from others."""
        return self.id, self.question


@dataclass(frozen=True)
class EvaluationSummary:
    """The figures of one evaluation; measures are means over its runs.

    All but `open_ended` are of closed questions: those with an answer to be right about.
    """

    em: float
    f1: float
    acc: float
    searches: float
    tokens: float
    n: int
    """Runs; as many as questions where each was run once."""
    engine: str
    """What served the model: `vllm`, `transformers`, or `unknown`."""
    judge: float | None = None
    """Share the judge called right, over the runs it judged."""
    token_recall: float = 0.0
    """MaskSearch's measure: share of the gold answer's words that the answer holds."""
    word_set_f1: float = 0.0
    """DeepResearcher's F1, over sets of words."""
    child_calls: float = 0.0
    """Model calls inside steps (the summarizer's), a run."""
    child_tokens: float = 0.0
    """Tokens those calls wrote, a run."""
    failed_searches: float = 0.0
    recalls: float = 0.0
    """Steps answered from the model's own knowledge, a run, in dialects that say so."""
    unsearched: float = 0.0
    """Share of runs that answered without any search."""
    seconds: float = 0.0
    """Active seconds, a run."""
    intervals: Mapping[str, Interval] = field(default_factory=dict)
    """95 % bootstrap interval of each measure."""
    stop_reasons: Mapping[str, int] = field(default_factory=dict)
    by_kind: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    by_hops: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Measures, `n` and the number of questions (`asked`) of each group."""
    stages: Stages = field(default_factory=Stages)
    redundancy: Redundancy = field(default_factory=Redundancy)
    model: str = ""
    unscored: int = 0
    """Runs left out for want of gold answers."""
    questions: tuple[QuestionRow, ...] = ()
    open_ended: OpenEndedSummary | None = None
    """Figures of the open-ended questions; None without any."""

    @property
    def asked(self) -> int:
        """How many questions the runs are of."""
        return len({row.key for row in self.questions})

    @property
    def keys(self) -> set[QuestionKey]:
        """What tells its questions, closed and open-ended ones, from others."""
        open_rows = self.open_ended.rows if self.open_ended else ()
        return {row.key for row in (*self.questions, *open_rows)}

    def to_json(self) -> dict[str, Any]:
        """Return the figures without the per-question rows."""
        left_out = ("questions", "open_ended")
        values = {name: value for name, value in vars(self).items() if name not in left_out}
        values["asked"] = self.asked
        if self.open_ended:
            values["open_ended"] = self.open_ended.to_json()
        values["stages"] = self.stages.to_json()
        values["redundancy"] = self.redundancy.to_json()
        if self.judge is None:
            del values["judge"]
        return json.loads(json.dumps(values))

    def table(self) -> Table:
        """Return the figures as a table for the terminal."""
        from rich.table import Table

        if not self.n and self.open_ended:
            return self.open_ended.table()
        title = runs_of_questions(self.n, self.asked)
        table = Table("measure", "value", "95 % interval", title=title)
        for name in MEASURES:
            low, high = self.intervals[name]
            table.add_row(name, f"{getattr(self, name):.3f}", f"{low:.3f} to {high:.3f}")
        if self.judge is not None:
            table.add_row("judge", f"{self.judge:.3f}", "")
        for reason, count in self.stop_reasons.items():
            table.add_row(reason, str(count), "")
        return table

    def tables(self) -> list[Table]:
        """Return a table for each of the two kinds of question that there are."""
        if not self.n or self.open_ended is None:
            return [self.table()]
        return [self.table(), self.open_ended.table()]


def summarize_traces(
    traces: Iterable[Trace],
    *,
    engine: str,
    seed: int = 0,
    similarity: Similarity | None = None,
) -> EvaluationSummary:
    """Score traces and return their figures.

    Args:
        traces: evaluated runs; those without gold answers are counted as `unscored` and
            left out.
        engine: what served the model.
        seed: seed of the bootstrap.
        similarity: compares the findings of open-ended questions; `default_similarity()`
            if None, and not asked for without such a question.

    Raises:
        EvaluationError: no trace has gold answers.
    """
    rows, open_rows, stages, counts, total = [], [], [], [], 0
    model = ""
    for total, trace in enumerate(traces, 1):  # noqa: B007 - one pass, traces are large
        if not any(gold.strip() for gold in trace.golds):
            continue
        model = model or trace.model
        if is_open_ended(trace.metadata):
            similarity = similarity or default_similarity()
            open_rows.append(open_ended_row(trace, similarity))
            continue
        rows.append(question_row(trace))
        stages.append(stages_of(trace))
        counts.append(redundancy_of(trace))
    if not rows and not open_rows:
        msg = (
            f"none of {total} traces has a gold answer: evaluate questions that have an "
            "`answer`"
        )
        raise EvaluationError(msg)
    verdicts = [row.judge for row in rows if row.judge is not None]
    return EvaluationSummary(
        **{name: _mean(rows, name) for name in MEASURES},
        n=len(rows),
        engine=engine,
        judge=sum(verdicts) / len(verdicts) if verdicts else None,
        token_recall=_mean(rows, "token_recall"),
        word_set_f1=_mean(rows, "word_set_f1"),
        child_calls=_mean(rows, "child_calls"),
        child_tokens=_mean(rows, "child_tokens"),
        failed_searches=_mean(rows, "failed_searches"),
        recalls=_mean(rows, "recalls"),
        unsearched=_mean(rows, "unsearched"),
        seconds=_mean(rows, "seconds"),
        intervals=intervals(list(_groups(rows).values()), seed=seed),
        stop_reasons=dict(Counter(row.stop_reason for row in rows).most_common()),
        by_kind=_by(rows, "kind"),
        by_hops=_by(rows, "hops"),
        stages=mean_stages(stages),
        redundancy=mean_redundancy(counts),
        model=model,
        unscored=total - len(rows) - len(open_rows),
        questions=tuple(rows),
        open_ended=summarize_open_ended(
            open_rows, similarity.name if similarity else "", seed=seed
        ),
    )


def question_row(trace: Trace) -> QuestionRow:
    """Score one run."""
    return QuestionRow(
        id=question_key(trace)[0],
        question=trace.question,
        golds=tuple(trace.golds),
        answer=trace.answer,
        **asdict(score(trace.answer, trace.golds)),
        searches=trace.usage.searches,
        tokens=trace.usage.completion_tokens,
        stop_reason=trace.stop_reason,
        judge=trace.outcome.get("judge"),
        token_recall=token_recall(trace.answer, trace.golds),
        word_set_f1=word_set_f1(trace.answer, trace.golds),
        kind=str(trace.metadata.get("kind") or trace.metadata.get("type") or ""),
        hops=_hops(trace.metadata.get("hops")),
        child_calls=len(trace.children),
        child_tokens=trace.usage.child_completion_tokens,
        failed_searches=sum(record.error is not None for record in trace.searches),
        recalls=trace.usage.recalls,
        unsearched=float(bool(trace.answer) and not trace.usage.searches),
        seconds=trace.seconds,
    )


def difference(
    before: EvaluationSummary, after: EvaluationSummary, *, seed: int = 0
) -> dict[str, dict[str, float]]:
    """Return after minus before with a paired bootstrap interval.

    Returns:
        For each measure `mean`, `low`, `high` and `n`, over the questions that both
        have, and `judge` over those that a judge gave a verdict on in both; `before` and
        `after`, the means over the same questions, whose difference `mean` is. Empty when
        they have none in common.
    """
    judged = [
        [row for row in rows if row.judge is not None]
        for rows in (before.questions, after.questions)
    ]
    return {
        **_paired(before.questions, after.questions, MEASURES, seed),
        **_paired(judged[0], judged[1], ("judge",), seed),
    }


def _paired(
    before: Sequence[QuestionRow],
    after: Sequence[QuestionRow],
    measures: Sequence[str],
    seed: int,
) -> dict[str, dict[str, float]]:
    old, new = _groups(before, measures), _groups(after, measures)
    pairs = [(old[key], new[key]) for key in old if key in new]
    gaps = [
        {name: [_average(b[name]) - _average(a[name])] for name in measures}
        for a, b in pairs
    ]
    return {
        name: {
            "mean": sum(gap[name][0] for gap in gaps) / len(gaps),
            "low": low,
            "high": high,
            "n": len(gaps),
            "before": _average([_average(a[name]) for a, _ in pairs]),
            "after": _average([_average(b[name]) for _, b in pairs]),
        }
        for name, (low, high) in intervals(gaps, seed=seed).items()
    }


def write_evaluation(
    out: str | os.PathLike[str],
    *,
    before: EvaluationSummary | None = None,
    after: EvaluationSummary | None = None,
    extra: Mapping[str, EvaluationSummary] | None = None,
    seconds: float | None = None,
    answered: Mapping[str, int] | None = None,
) -> Path:
    """Write `evaluation.json` in one step and return its path.

    It holds a column of figures for `before`, `after` and each of `extra` that is given;
    `difference` (after minus before, paired); `questions`, one entry a question with
    each column's run of it, and likewise `open_ended_questions` where there are any; and
    `seconds`.

    Args:
        out: the run directory.
        before: figures of the base model.
        after: figures of the trained model.
        extra: further columns by name (`reason_in_documents`, `self_distilled`).
        seconds: wall time of the whole loop.
        answered: questions that the runs `before` and `after` have in all, where the
            columns are of those that both have.

    Raises:
        EvaluationError: an extra column has a reserved name.
    """
    columns = {"before": before, "after": after, **_checked(extra or {})}
    given = {name: column for name, column in columns.items() if column is not None}
    record: dict[str, Any] = {name: column.to_json() for name, column in given.items()}
    if before and after:
        record["difference"] = difference(before, after)
    if answered:
        record["answered"] = dict(answered)
    record["seconds"] = seconds
    record["questions"] = _question_table(given)
    open_questions = _open_table(given)
    if open_questions:
        record[OPEN_TABLE] = open_questions
    path = Path(out) / EVALUATION_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    text = json.dumps(record, ensure_ascii=False, indent=1)
    partial.write_text(text + "\n", encoding="utf-8")
    partial.replace(path)
    return path


def _checked(extra: Mapping[str, EvaluationSummary]) -> Mapping[str, EvaluationSummary]:
    reserved = {"before", "after", "difference", "answered", "seconds", "questions"}
    reserved.add(OPEN_TABLE)
    taken = reserved & set(extra)
    if taken:
        msg = f"an extra column cannot be called {min(taken)!r}: choose another name"
        raise EvaluationError(msg)
    return extra


def _question_table(columns: Mapping[str, EvaluationSummary]) -> list[dict[str, Any]]:
    table: dict[QuestionKey, dict[str, Any]] = {}
    shared = ("id", "question", "golds", "kind", "hops")
    for name, column in columns.items():
        for row in column.questions:
            values = asdict(row)
            entry = table.setdefault(row.key, {key: values[key] for key in shared})
            own = {key: value for key, value in values.items() if key not in shared}
            entry.setdefault(name, []).append(own)
    return list(table.values())


def _open_table(columns: Mapping[str, EvaluationSummary]) -> list[dict[str, Any]]:
    table: dict[QuestionKey, dict[str, Any]] = {}
    for name, column in columns.items():
        for row in column.open_ended.rows if column.open_ended else ():
            about = {"id": row.id, "question": row.question, "golds": list(row.golds)}
            table.setdefault(row.key, about).setdefault(name, []).append(row.to_json())
    return list(table.values())


def _groups(
    rows: Sequence[QuestionRow], measures: Sequence[str] = MEASURES
) -> dict[QuestionKey, dict[str, list[float]]]:
    groups: dict[QuestionKey, dict[str, list[float]]] = {}
    for row in rows:
        group = groups.setdefault(row.key, {name: [] for name in measures})
        for name in measures:
            group[name].append(getattr(row, name))
    return groups


def _by(rows: Sequence[QuestionRow], key: str) -> dict[str, dict[str, float]]:
    groups: dict[str, list[QuestionRow]] = {}
    for row in rows:
        if getattr(row, key):
            groups.setdefault(getattr(row, key), []).append(row)
    return {
        name: {
            **{m: _mean(groups[name], m) for m in MEASURES},
            "n": len(groups[name]),
            "asked": len({row.key for row in groups[name]}),
        }
        for name in sorted(groups)
    }


def _mean(rows: Sequence[QuestionRow], name: str) -> float:
    # No closed questions is no measure: `n` is 0 then.
    return sum(getattr(row, name) for row in rows) / len(rows) if rows else 0.0


def _average(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _hops(value: Any) -> str:
    """Return the number of hops; a decomposition is counted."""
    if isinstance(value, list | tuple):
        return str(len(value)) if value else ""
    return "" if value in (None, "") else str(value)
