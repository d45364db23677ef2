"""An evaluation beside an earlier one of the same questions."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..questions import Question, is_open_ended
from ..trace import Trace, read_traces
from .evaluation import EVALUATION_FILE, EvaluationError, EvaluationSummary, difference
from .question_key import question_key

if TYPE_CHECKING:
    from rich.table import Table

SHOWN = ("em", "f1", "acc", "judge", "searches", "tokens")
"""Measures of the table."""

WHOLE_COLUMN = "all_questions"
"""Of a comparison, the later runs of all questions, where the earlier ones lack some."""


@dataclass(frozen=True)
class EarlierRuns:
    """The runs that an evaluation is compared with."""

    file: Path
    engine: str
    """What served their model, `unknown` where nothing says."""
    questions: Sequence[Question]

    def traces(self) -> Iterable[Trace]:
        """Yield the runs of the questions; a question counts as the same by id and text."""
        wanted = {(one.id, one.question.strip()) for one in self.questions}
        return (
            trace
            for trace in read_traces(self.file)
            if (trace.question_id, trace.question.strip()) in wanted
        )

    def answered(self) -> int:
        """Return how many questions with an answer to be right about it has, asked or not."""
        scored = (
            trace
            for trace in read_traces(self.file)
            if any(gold.strip() for gold in trace.golds)
            and not is_open_ended(trace.metadata)
        )
        return len({question_key(trace) for trace in scored})


def find_earlier_runs(
    path: str | Path, out: str | Path, questions: Sequence[Question]
) -> EarlierRuns:
    """Return the runs of an earlier evaluation that can be compared.

    Args:
        path: its directory (of a loop: the trained model's runs count), or a trace file.
        out: the directory of the evaluation to come.
        questions: what is evaluated.

    Raises:
        EvaluationError: it has none of the questions, or is the same directory.
        TraceFileError: there are no runs.
    """
    source = Path(path)
    folder = source if source.is_dir() else source.parent
    if folder.resolve() == Path(out).resolve():
        msg = f"{path} cannot be compared with itself: name another --out"
        raise EvaluationError(msg)
    if source.is_dir():
        after = source / "after.jsonl"
        source = after if after.is_file() else source / "traces.jsonl"
    earlier = EarlierRuns(source, _engine(folder), questions)
    if next(iter(earlier.traces()), None) is None:
        msg = (
            f"{source} answers none of these questions: name an evaluation of the same file"
        )
        raise EvaluationError(msg)
    return earlier


def _engine(folder: Path) -> str:
    try:
        columns = json.loads((folder / EVALUATION_FILE).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return "unknown"
    found = columns.get("after") or columns.get("result") or {}
    return found.get("engine", "unknown")


@dataclass(frozen=True)
class Comparison:
    """Two evaluations, over the questions that both answered."""

    before: EvaluationSummary
    after: EvaluationSummary
    answered: Mapping[str, int]
    """How many questions `before` and `after` answered in all."""
    whole: EvaluationSummary | None = None
    """The later one over all its questions, where it has more than the earlier one."""

    def to_json(self) -> dict[str, Any]:
        """Return the later one's figures, with the earlier's and the difference beside."""
        whole = {WHOLE_COLUMN: self.whole.to_json()} if self.whole else {}
        return {
            **self.after.to_json(),
            "before": self.before.to_json(),
            "difference": difference(self.before, self.after),
            "answered": dict(self.answered),
            **whole,
        }

    def table(self) -> Table:
        """Return the figures as a table for the terminal."""
        from rich.table import Table

        gaps = difference(self.before, self.after)
        heads = ("measure", "before", "after", "difference", "95 % interval")
        shared = next(iter(gaps.values()))["n"] if gaps else 0
        table = Table(
            *heads,
            title=f"{shared} questions that both answered",
            caption=f"in all, before has {self.answered['before']} questions and after "
            f"{self.answered['after']}",
        )
        for name in SHOWN:
            if name in gaps:
                fewer = gaps[name]["n"] < shared
                label = f"{name} (of {gaps[name]['n']})" if fewer else name
                table.add_row(label, *_figures(gaps[name]))
        return table


def _figures(gap: Mapping[str, float]) -> tuple[str, ...]:
    means = (f"{gap['before']:.3f}", f"{gap['after']:.3f}", f"{gap['mean']:+.3f}")
    return (*means, f"{gap['low']:+.3f} to {gap['high']:+.3f}")
