"""Answer questions with known answers through the graph, and score the runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from langgraph.graph.state import CompiledStateGraph

from ..graph.recorder import TRACE_FILE
from ..graph.rollout import RolloutEngine, RolloutProgress
from ..graph.run_manifest import check_run
from ..questions import Question
from ..trace import Trace, read_traces
from .comparison import WHOLE_COLUMN, Comparison, EarlierRuns
from .evaluation import (
    EvaluationError,
    EvaluationSummary,
    summarize_traces,
    write_evaluation,
)
from .metrics import outcome
from .question_key import QuestionKey, question_key
from .report import write_report
from .similarity import Similarity
from .verdicts import Verdicts

COLUMN = "result"
"""Name of the only column of a single evaluation."""


def evaluate_questions(
    agent: CompiledStateGraph[Any, Any, Any, Any],
    questions: Sequence[Question],
    out: str | Path,
    *,
    concurrency: int = 32,
    seed: int = 0,
    engine: str = "",
    on_progress: Callable[[RolloutProgress], None] | None = None,
    manifest: Mapping[str, Any] | None = None,
    similarity: Similarity | None = None,
    verdicts: Verdicts | None = None,
) -> EvaluationSummary:
    """Run each question once and write traces, `evaluation.json` and `report.html`.

    Run again after a stop, it goes on with the questions that are left.

    Args:
        agent: from `create_deep_search_agent`, without a checkpointer.
        questions: closed and open-ended ones, also mixed; those without an answer are run
            but not scored.
        out: the run directory.
        concurrency: questions in flight at once.
        seed: base of the runs' sampling seeds.
        engine: what serves the model, for the record.
        on_progress: called after each question.
        manifest: settings that a resumed run must share with the first.
        similarity: compares the findings of open-ended questions; see `summarize_traces`.
        verdicts: a judge's; None: no judge.

    Raises:
        EvaluationError: no question has an answer, or some runs failed.
        JudgeError: the judge's model failed; what it said before is kept.
        RolloutError: a server is down, or the directory was started with other settings.
    """
    if not any(question.golds for question in questions):
        msg = "no question has an `answer` to score against: use `deepsearch rollout`"
        raise EvaluationError(msg)
    check_run(out, {"seed": seed, **(manifest or {})})
    rollouts = RolloutEngine(
        agent,
        out,
        concurrency=concurrency,
        seed=seed,
        scorer=outcome,
        on_progress=on_progress,
    )
    progress = rollouts.run(questions)
    if progress.failed:
        msg = (
            f"{progress.failed} of {progress.total} questions could not be run, see "
            f"{Path(out) / 'failures.jsonl'}; run the same command again to retry them"
        )
        raise EvaluationError(msg) from progress.last_error
    wanted = {question.id for question in questions}
    traces = (trace for trace in read_traces(out) if trace.question_id in wanted)
    summary = summarize_traces(
        verdicts.on(traces) if verdicts else traces,
        engine=engine,
        seed=seed,
        similarity=similarity,
    )
    write_evaluation(out, extra={COLUMN: summary})
    write_report(out)
    return summary


def compare_with(
    earlier: EarlierRuns,
    summary: EvaluationSummary,
    out: str | Path,
    *,
    seed: int = 0,
    similarity: Similarity | None = None,
    verdicts: Verdicts | None = None,
) -> Comparison:
    """Score earlier runs alike and write both columns, `before` and `after`, in their place.

    Both are over the questions that both have; where the later runs have more, a column of
    all of them stands beside.

    Args:
        earlier: the runs before.
        summary: what `evaluate_questions` gave for those after.
        out: its run directory.
        seed: as given to it.
        similarity: as given to it.
        verdicts: as given to it.

    Raises:
        EvaluationError: they have no question with an answer in common.
    """

    def summarize(
        traces: Iterable[Trace], keys: set[QuestionKey], engine: str
    ) -> EvaluationSummary:
        shared = (trace for trace in traces if question_key(trace) in keys)
        return summarize_traces(
            verdicts.on(shared) if verdicts else shared,
            engine=engine,
            seed=seed,
            similarity=similarity,
        )

    if not any(question_key(trace) in summary.keys for trace in earlier.traces()):
        msg = (
            f"{earlier.file} and {out} have no question with an answer in common: name an "
            "evaluation of the same file"
        )
        raise EvaluationError(msg)
    before = summarize(earlier.traces(), summary.keys, earlier.engine)
    after, whole = summary, None
    if before.keys != summary.keys:
        after = summarize(read_traces(out), before.keys, summary.engine)
        whole = summary
    extra = {WHOLE_COLUMN: whole} if whole else {}
    answered = {"before": earlier.answered(), "after": summary.asked}
    write_evaluation(out, before=before, after=after, extra=extra, answered=answered)
    write_report(out, traces={"before": earlier.file, "after": Path(out) / TRACE_FILE})
    return Comparison(before, after, answered, whole)
