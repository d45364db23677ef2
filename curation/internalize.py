"""Right runs into text to be memorized: the step of curation around the rewriter.

Runs again where it stopped. What comes out are traces without a search, which fine-tuning
and the memorization loss of reinforcement learning read like any other.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import DeepSearchError
from ..trace import Trace, write_traces
from .asking import TokenCount
from .filters import is_correct
from .inputs import TraceInput, TraceScan, as_files, digest, question_key
from .resumable import WorkPlan, write_whole
from .rewriter import Rewriter
from .scoring import needs_score, scored
from .synthesis.method import ATTEMPTS
from .work_files import WorkFiles

if TYPE_CHECKING:
    from rich.table import Table

    from ..graph.work_progress import WorkProgress

INTERNALIZED_FILE = "internalized.jsonl"
REPORT_FILE = "internalize.json"
WORK = "internalize"
"""What the step writes into its folder, beside the work's own files (`WorkFiles`)."""


class InternalizeError(DeepSearchError):
    """No run can be rewritten."""


@dataclass
class InternalizeReport:
    """How the rewriting went, all its runs together."""

    runs: int = 0
    right: int = 0
    """Right runs that found documents."""
    chosen: int = 0
    internalized: int = 0
    failed: int = 0
    """Runs on which the model failed; another run tries them again."""
    rejected: Counter[str] = field(default_factory=Counter)
    """Texts that failed a check, by check; a run has two tries."""
    rewriter: str = ""
    used: TokenCount = field(default_factory=TokenCount)
    """Calls and tokens of this run alone."""

    def to_json(self) -> dict[str, Any]:
        """Return plain data, as `internalize.json` holds it."""
        rejected = dict(self.rejected.most_common())
        return {**vars(self), "rejected": rejected, "used": vars(self.used)}

    def table(self) -> Table:
        """Return what the checks rejected, a row a check."""
        from rich.table import Table

        title = f"{self.internalized} of {self.chosen} right runs rewritten"
        table = Table("rejected because", "texts", title=title, min_width=60)
        for reason, count in self.rejected.most_common():
            table.add_row(reason, str(count))
        table.caption = f"{self.runs} runs, {self.right} right with documents"
        return table


def internalize(
    traces: TraceInput,
    rewriter: Rewriter,
    out: str | Path,
    *,
    per_question: int = 1,
    concurrency: int = 16,
    on_progress: Callable[[WorkProgress], None] | None = None,
) -> InternalizeReport:
    """Rewrite right runs into `internalized.jsonl`; run again, it goes on.

    Args:
        traces: trace files, run directories, or traces.
        rewriter: writes and checks.
        out: folder to write.
        per_question: right runs of a question that are rewritten, fewest searches first.
        concurrency: runs in work at once.
        on_progress: called after each.

    Raises:
        TraceFileError: a file is absent or a line is no trace.
        InternalizeError: no run is right and found documents.
        ResumableError: the model's server is down, or the folder was started with other
            settings; what was finished is kept.
    """
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    report = InternalizeReport(rewriter=rewriter.asker.name)
    chosen = _chosen(traces, folder, per_question, report)
    files = WorkFiles(folder, WORK)

    async def work(trace: Trace) -> dict[str, Any]:
        done = await rewriter.rewrite(trace)
        told = done.trace.model_dump(mode="json") if done.trace else None
        return {"trace": told, "rejected": list(done.rejected)}

    return files.run(
        chosen,
        run_key,
        work,
        lambda: _write(chosen, files, rewriter, report),
        settings={
            "per_question": per_question,
            "dialect": rewriter.dialect,
            "model": rewriter.asker.name,
        },
        concurrency=concurrency,
        on_progress=on_progress,
    )


def plan_internalize(
    traces: TraceInput, out: str | Path, *, per_question: int = 1
) -> WorkPlan:
    """Return what is left to do; asks no model."""
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    chosen = _chosen(traces, folder, per_question, InternalizeReport())
    finished = WorkFiles(folder, WORK).finished()
    left = sum(run_key(trace) not in finished for trace in chosen)
    return WorkPlan(left, left * ATTEMPTS)


def run_key(trace: Trace) -> str:
    """Return a run's name in the log; runs of two directories may share an id."""
    own = digest(f"{trace.model}\0{trace.output_text}").hex()[:8]
    return f"{trace.id} {own}"


def is_right_with_documents(trace: Trace) -> bool:
    """Tell whether a run is right, by its own answer, and found something."""
    found = any(r.documents for r in trace.searches) or any(r.document for r in trace.reads)
    return bool(is_correct(trace) and trace.answer and found)


def right_runs(traces: Sequence[Trace], per_question: int) -> list[Trace]:
    """Return a question's right runs that found documents, fewest searches first."""
    right = [trace for trace in traces if is_right_with_documents(trace)]
    right.sort(key=lambda t: (t.usage.searches or len(t.searches), t.rollout, t.id))
    return right[:per_question]


def _chosen(
    traces: TraceInput, folder: Path, per_question: int, report: InternalizeReport
) -> list[Trace]:
    best: dict[str, list[Trace]] = {}
    with as_files(traces, folder) as files:
        for _, one in TraceScan(files):
            trace = scored(one) if needs_score(one) else one
            report.runs += 1
            report.right += is_right_with_documents(trace)
            key = question_key(trace)
            # No more than are wanted is ever kept of a question.
            best[key] = right_runs([*best.get(key, ()), trace], per_question)
    chosen = [trace for some in best.values() for trace in some]
    report.chosen = len(chosen)
    if not chosen:
        msg = (
            f"none of {report.runs} runs is right and found documents: roll out questions "
            "with answers on a search engine first"
        )
        raise InternalizeError(msg)
    return chosen


def _write(
    chosen: Sequence[Trace], files: WorkFiles, rewriter: Rewriter, report: InternalizeReport
) -> InternalizeReport:
    finished = files.finished()
    lines = [finished.get(run_key(trace), {}) for trace in chosen]
    report.rejected = Counter(why for line in lines for why in line.get("rejected", ()))
    rewritten = (line["trace"] for line in lines if line.get("trace"))
    target = files.folder / INTERNALIZED_FILE
    report.internalized = write_traces(target, map(Trace.model_validate, rewritten))
    report.failed = len(files.failed())
    report.used = rewriter.asker.used
    write_whole(files.folder / REPORT_FILE, [json.dumps(report.to_json(), indent=2)])
    return report


def internalized_file(path: str | Path) -> Path:
    """Return the file that a path means: itself, or that of the folder written here."""
    inside = Path(path) / INTERNALIZED_FILE
    return inside if inside.is_file() else Path(path)
