"""Annotates question files by a model; a kill loses nothing that was finished."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from ...graph.work_progress import WorkProgress
from ...nodes.budget import estimate_tokens
from ...nodes.models.base import Reasoner
from ...questions import Question
from ..asking import Asker, TokenCount
from ..resumable import UnusableReplyError, WorkPlan, question_key, write_whole
from ..work_files import WorkFiles
from .annotation import (
    DOMAINS,
    Annotation,
    annotation_prompt,
    annotation_schema,
    read_annotation,
)
from .interrogatives import count_interrogatives

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

ANNOTATED_FILE = "annotated.jsonl"
REPORT_FILE = "annotation.json"
WORK = "annotation"
"""What an annotation writes into its folder: the annotated questions in the order of their
file, counts, and the work's own files (`WorkFiles`)."""

ATTEMPTS = 3
"""Replies asked for until one has both a domain and key points."""

DOUBTFUL = frozenset({"domain_off_list", "truncated"})
"""Marks of a whole annotation that another reply may better."""

RETRY_TEMPERATURE = 0.6
"""The first reply is greedy and can be repeated; later ones are sampled, as a greedy one
would only come again (the reference samples all at 0.6, data_tag_domain_keypoints.py:99)."""


@dataclass
class AnnotationReport:
    """How an annotation stands after all its runs.

    Every question counts once, by the last run that asked it: one that failed and is tried
    again leaves its earlier replies out.
    """

    total: int
    annotated: int = 0
    failed: int = 0
    """Questions without a usable reply; another run tries them again."""
    replies: int = 0
    """Replies on questions annotated or failed, those that were asked for again too."""
    marks: Counter[str] = field(default_factory=Counter)
    """How often one of these replies was not as it should be, by what was odd; see
    `read_annotation`."""
    domains: Counter[str] = field(default_factory=Counter)
    model: str = ""
    used: TokenCount = field(default_factory=TokenCount)
    """Calls and tokens of this run alone."""

    def to_json(self) -> dict[str, Any]:
        """Return plain data, as `annotation.json` holds it."""
        return {
            **vars(self),
            "marks": dict(self.marks.most_common()),
            "domains": dict(self.domains.most_common()),
            "used": vars(self.used),
        }

    def table(self) -> Table:
        """Return what was odd about replies, a row a kind."""
        title = f"{self.annotated} of {self.total} questions annotated by {self.model}"
        table = Table("reply", "times", title=title, min_width=60)
        for mark, count in self.marks.most_common():
            table.add_row(mark, str(count))
        table.caption = (
            f"{self.replies} replies, {self.failed} questions without a usable one"
        )
        return table


class Annotator:
    """Asks a model for the domain and key points of questions.

    Args:
        model: any chat model, or one of the graph's reasoners.
        domains: closed list of domains; empty: any domain.
        attempts: replies asked for until one is whole, at least 1.
        constrained: whether a server that can (vLLM) is to hold replies to their form.
    """

    def __init__(
        self,
        model: BaseChatModel | Reasoner,
        *,
        domains: Sequence[str] = DOMAINS,
        attempts: int = ATTEMPTS,
        constrained: bool = True,
    ) -> None:
        self.asker = Asker(model, constrained=constrained)
        self.domains = tuple(domains)
        self._schema = annotation_schema(self.domains)
        self._attempts = max(1, attempts)

    async def annotate(self, question: str) -> tuple[Annotation, int, list[str]]:
        """Return the first whole annotation, the number of replies and all their marks.

        A reply that broke off, or names a domain that is not in the closed list, is asked
        for again too; if none is better, what it says holds, the domain as `other`.

        Raises:
            UnusableReplyError: no reply had both a domain and key points.
            AskError: the model failed.
        """
        prompt = annotation_prompt(question, self.domains)
        marks: list[str] = []
        best, reply, attempt = Annotation("", ()), "", 0
        for attempt in range(self._attempts):
            heat = RETRY_TEMPERATURE if attempt else 0.0
            reply = await self.asker.ask(
                prompt, temperature=heat, seed=attempt, schema=self._schema
            )
            found = read_annotation(reply, self.domains)
            marks += found.marks
            if found.is_whole:
                best = found
                if DOUBTFUL.isdisjoint(found.marks):
                    break
        if not best.is_whole:
            msg = f"no domain and key points in {attempt + 1} replies: {', '.join(marks)}"
            raise UnusableReplyError(msg, reply, marks, replies=attempt + 1)
        return best, attempt + 1, marks


def plan_annotation(
    questions: Sequence[Question], out: str | Path, *, domains: Sequence[str] = DOMAINS
) -> WorkPlan:
    """Return what is left to annotate."""
    finished = WorkFiles(Path(out), WORK).finished()
    left = [question for question in questions if question_key(question) not in finished]
    prompts = (annotation_prompt(question.question, domains) for question in left)
    return WorkPlan(len(left), ATTEMPTS * len(left), sum(map(estimate_tokens, prompts)))


def annotate_questions(
    questions: Sequence[Question],
    model: BaseChatModel | Reasoner,
    out: str | Path,
    *,
    domains: Sequence[str] = DOMAINS,
    constrained: bool = True,
    concurrency: int = 16,
    on_progress: Callable[[WorkProgress], None] | None = None,
) -> AnnotationReport:
    """Annotate questions into `annotated.jsonl`; run again, it goes on where it stopped.

    Each record gets `domain`, `key_points` and `interrogatives` and keeps its fields.

    Args:
        questions: with ids of their own.
        model: what annotates.
        out: folder to write.
        domains: closed list of domains; empty: any domain.
        constrained: see `Annotator`.
        concurrency: questions in work at once.
        on_progress: called after each question.

    Raises:
        ResumableError: the model's server is down, or the folder was started with
            another list of domains or model; what was finished is kept.
    """
    files = WorkFiles(Path(out), WORK)
    annotator = Annotator(model, domains=domains, constrained=constrained)

    async def work(question: Question) -> dict[str, Any]:
        found, replies, marks = await annotator.annotate(question.question)
        return {
            "domain": found.domain,
            "key_points": list(found.key_points),
            "replies": replies,
            "marks": marks,
            "model": annotator.asker.name,
        }

    return files.run(
        questions,
        question_key,
        work,
        lambda: _write(questions, files, annotator),
        settings={"domains": list(annotator.domains), "model": annotator.asker.name},
        concurrency=concurrency,
        on_progress=on_progress,
    )


def _write(
    questions: Sequence[Question], files: WorkFiles, annotator: Annotator
) -> AnnotationReport:
    finished = files.finished()
    report = AnnotationReport(len(questions), model=annotator.asker.name)
    report.used = annotator.asker.used
    lines = []
    for question in questions:
        found = finished.get(question_key(question))
        if found is None:
            continue
        report.replies += found["replies"]
        report.marks.update(found["marks"])
        report.domains[found["domain"]] += 1
        record = {
            **question.to_json(),
            "domain": found["domain"],
            "key_points": found["key_points"],
            "interrogatives": count_interrogatives(question.question),
        }
        lines.append(json.dumps(record, ensure_ascii=False))
    report.annotated = len(lines)
    failures = files.failed()
    report.failed = len(failures)
    for failure in failures.values():
        report.replies += failure.get("replies", 0)
        report.marks.update(failure.get("marks", ()))
    write_whole(files.folder / ANNOTATED_FILE, lines)
    write_whole(files.folder / REPORT_FILE, [json.dumps(report.to_json(), indent=2)])
    return report
