"""Runs a way to make questions over its items; a kill loses nothing that was finished."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from rich.table import Table

from ...graph.work_progress import WorkProgress
from ..asking import TokenCount
from ..resumable import WorkPlan, write_whole
from ..work_files import WorkFiles
from .method import ATTEMPTS, Method
from .ramp import curriculum

SYNTHESIZED_FILE = "synthesized.jsonl"
REPORT_FILE = "synthesis.json"
WORK = "synthesis"
"""What a synthesis writes into its folder, beside the work's own files (`WorkFiles`)."""

Item = TypeVar("Item")


@dataclass
class SynthesisReport:
    """How a synthesis went, all its runs together."""

    method: str
    items: int
    questions: int = 0
    failed: int = 0
    """Items on which the model failed; another run tries them again."""
    repeated: int = 0
    """Questions that another item gave too; left out."""
    rejected: Counter[str] = field(default_factory=Counter)
    """Drafts that failed a check, by check; an item has two tries."""
    stages: dict[int, int] = field(default_factory=dict)
    """Of a curriculum: questions by their number of masks."""
    model: str = ""
    used: TokenCount = field(default_factory=TokenCount)
    """Calls and tokens of this run alone."""

    def to_json(self) -> dict[str, Any]:
        """Return plain data, as `synthesis.json` holds it."""
        return {
            **vars(self),
            "rejected": dict(self.rejected.most_common()),
            "used": vars(self.used),
        }

    def table(self) -> Table:
        """Return what the checks rejected, a row a check."""
        title = f"{self.questions} questions from {self.items} items ({self.method})"
        table = Table("rejected because", "drafts", title=title, min_width=60)
        for reason, count in self.rejected.most_common():
            table.add_row(reason, str(count))
        table.caption = f"{self.failed} items failed, {self.repeated} repeated questions"
        return table


def synthesize(
    method: Method[Item],
    items: Sequence[Item],
    out: str | Path,
    *,
    seed: int = 0,
    settings: Mapping[str, Any] | None = None,
    concurrency: int = 16,
    on_progress: Callable[[WorkProgress], None] | None = None,
) -> SynthesisReport:
    """Make questions into `synthesized.jsonl`; run again, it goes on where it stopped.

    Args:
        method: how.
        items: what to make one question from each.
        out: folder to write.
        seed: of all choices; an item's choices depend on nothing else.
        settings: what else a resumed run must not change.
        concurrency: items in work at once.
        on_progress: called after each item.

    Raises:
        ResumableError: the model's server is down, or the folder was started with other
            settings; what was finished is kept.
    """
    files = WorkFiles(Path(out), WORK)
    chosen = {
        "method": method.name,
        "model": method.asker.name,
        "seed": seed,
        **method.settings(),
        **(settings or {}),
    }

    async def work(item: Item) -> dict[str, Any]:
        draft, reasons = await method.make(item, seed)
        record = draft.record(method.name) if draft else None
        return {"question": record, "rejected": reasons, "model": method.asker.name}

    keys = [method.key(item) for item in items]
    return files.run(
        items,
        method.key,
        work,
        lambda: _write(method, keys, files, seed),
        settings=chosen,
        concurrency=concurrency,
        on_progress=on_progress,
    )


def plan_synthesis(keys: Sequence[str], out: str | Path, *, calls: int) -> WorkPlan:
    """Return what is left to make.

    Args:
        keys: the items' names in the log.
        out: folder to write.
        calls: of the model for one try at an item.
    """
    finished = WorkFiles(Path(out), WORK).finished()
    left = sum(key not in finished for key in keys)
    return WorkPlan(left, ATTEMPTS * left * calls)


def _write(
    method: Method[Any], keys: Sequence[str], files: WorkFiles, seed: int
) -> SynthesisReport:
    report = SynthesisReport(method.name, len(keys), model=method.asker.name)
    report.used = method.asker.used
    finished = files.finished()
    records: dict[str, Mapping[str, Any]] = {}
    for key in keys:
        line = finished.get(key, {})
        report.rejected.update(line.get("rejected", ()))
        record = line.get("question")
        if record:
            report.repeated += record["id"] in records
            records.setdefault(record["id"], record)
    ordered = list(records.values())
    if any("masks" in record for record in ordered):
        ordered = curriculum(ordered, seed)
        report.stages = dict(sorted(Counter(r["masks"] for r in ordered).items()))
    report.questions = len(ordered)
    report.failed = len(files.failed())
    lines = (json.dumps(record, ensure_ascii=False) for record in ordered)
    write_whole(files.folder / SYNTHESIZED_FILE, lines)
    write_whole(files.folder / REPORT_FILE, [json.dumps(report.to_json(), indent=2)])
    return report
