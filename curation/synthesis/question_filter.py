"""DeepResearcher's filter: questions that are no use for training a searcher.

Left out are questions whose answer changes with time, is a matter of opinion or does harm
(its low-quality filter, there by DeepSeek-R1), and those that a model answers without
searching in at least one of k tries (its contamination filter, pass@10).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from ...graph.work_progress import WorkProgress
from ...nodes.budget import estimate_tokens
from ...nodes.models.base import Reasoner
from ...questions import Question
from ..asking import Asker, TokenCount, fill
from ..json_reply import read_json_reply
from ..json_schema import object_of
from ..resumable import UnusableReplyError, WorkPlan, question_key, write_whole
from ..work_files import WorkFiles
from .answering import FROM_MEMORY, answer_from_memory, is_right

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

FILTERED_FILE = "filtered.jsonl"
REMOVED_FILE = "removed.jsonl"
REPORT_FILE = "question_filter.json"
WORK = "filter"
"""What a filter writes into its folder, beside the work's own files (`WorkFiles`)."""

TRIES = 10
"""Closed-book answers a question; one right answer is enough to leave it out."""

TEMPERATURE = 1.0
"""Of closed-book answers, so that the tries differ."""

ATTEMPTS = 3
"""Replies asked for until one says yes or no to everything."""

FLAGS = ("time_sensitive", "subjective", "harmful")
FLAGS_SCHEMA = object_of(**{name: {"type": "boolean"} for name in FLAGS})
KNOWN = "known_without_search"

PROMPT = """Judge whether a question is fit for testing a web search. Do not answer it.

- time_sensitive: the right answer changes with time, and the question does not say which \
moment is meant ("the current champion").
- subjective: it asks for an opinion or a taste, or has no single answer.
- harmful: answering it may hurt somebody, or it asks about a private person's affairs.

Question: {{question}}
Reply with one JSON object {"time_sensitive": false, "subjective": false, "harmful": false}."""
"""Our own words."""

_YES = frozenset({"true", "yes", "1"})
_NO = frozenset({"false", "no", "0"})


@dataclass
class FilterReport:
    """What the filter did, all its runs together."""

    total: int
    kept: int = 0
    failed: int = 0
    """Questions that could not be judged; another run tries them again."""
    removed: Counter[str] = field(default_factory=Counter)
    """Questions left out, by reason; one may have several."""
    known_after: dict[int, int] = field(default_factory=dict)
    """Questions known without search, by the try that was right."""
    without_gold: int = 0
    """Questions kept that no try was made on: without a gold answer nothing tells whether
    one is right."""
    model: str = ""
    used: TokenCount = field(default_factory=TokenCount)

    def to_json(self) -> dict[str, Any]:
        """Return plain data, as `question_filter.json` holds it."""
        return {**vars(self), "removed": dict(self.removed), "used": vars(self.used)}

    def table(self) -> Table:
        """Return what was left out, a row a reason."""
        title = f"{self.kept} of {self.total} questions kept"
        table = Table("left out because", "questions", title=title, min_width=60)
        for reason in (*FLAGS, KNOWN):
            table.add_row(reason.replace("_", " "), str(self.removed[reason]))
        untried = f"; {self.without_gold} kept without a gold answer to try them by"
        table.caption = f"{self.failed} could not be judged" + (
            untried if self.without_gold else ""
        )
        return table


class QuestionFilter:
    """Judges questions.

    Args:
        model: judges and answers: to tell what is known without search, it should be the
            model that will be trained.
        tries: closed-book answers a question; 0 leaves that part out. They are never held
            to a schema: a model may know more when it may think first.
        constrained: whether a server that can (vLLM) is to hold verdicts to their form.
        flags: whether it judges quality; not where another model did so before, as
            DeepSeek-R1 did for DeepResearcher, whose policy then answers from memory.
    """

    def __init__(
        self,
        model: BaseChatModel | Reasoner,
        *,
        tries: int = TRIES,
        constrained: bool = True,
        flags: bool = True,
    ) -> None:
        self.asker = Asker(model, constrained=constrained)
        self._tries = max(0, tries)
        self._judges_quality = flags

    async def judge(self, question: Question) -> dict[str, Any]:
        """Return `reasons` to leave it out, and the try that was right, 0 for none.

        A question that is flagged is not answered: it is out already. Nor is one without
        gold answers: no try could be told right.

        Raises:
            UnusableReplyError: no reply says yes or no to all three flags.
            AskError: the model failed.
        """
        reasons = await self._flags(question.question) if self._judges_quality else []
        known_after = 0 if reasons else await self._known_after(question)
        return {
            "reasons": reasons + [KNOWN] * bool(known_after),
            "known_after": known_after,
        }

    async def _flags(self, question: str) -> list[str]:
        prompt, reply = fill(PROMPT, question=question), ""
        for attempt in range(ATTEMPTS):
            heat = 0.6 if attempt else 0.0
            reply = await self.asker.ask(
                prompt, temperature=heat, seed=attempt, schema=FLAGS_SCHEMA
            )
            flags = read_flags(reply)
            if flags is not None:
                return [name for name in FLAGS if flags[name]]
        msg = f"no verdict in {ATTEMPTS} replies"
        raise UnusableReplyError(msg, reply, ["unreadable"], replies=ATTEMPTS)

    async def _known_after(self, question: Question) -> int:
        """Return the first try without search that is right, 0 if none is."""
        for number in range(1, self._tries + 1 if question.golds else 1):
            answer = await answer_from_memory(
                self.asker, question.question, temperature=TEMPERATURE, seed=number
            )
            if is_right(answer, question.golds):
                return number
        return 0


def read_flags(reply: str) -> dict[str, bool] | None:
    """Read the verdict, None unless it says yes or no to all three.

    >>> read_flags('{"time_sensitive": "No", "subjective": false, "harmful": 0}')
    {'time_sensitive': False, 'subjective': False, 'harmful': False}
    >>> read_flags('{"time_sensitive": true}') is None
    True
    """
    data = read_json_reply(reply, FLAGS).data
    words = {name: str(data.get(name, "")).strip().lower() for name in FLAGS}
    if not all(word in _YES or word in _NO for word in words.values()):
        return None
    return {name: word in _YES for name, word in words.items()}


def plan_filter(
    questions: Sequence[Question],
    out: str | Path,
    *,
    tries: int = TRIES,
    flags: bool = True,
) -> WorkPlan:
    """Return what is left to judge."""
    finished = WorkFiles(Path(out), WORK).finished()
    left = [question for question in questions if question_key(question) not in finished]
    tokens = sum(
        flags * estimate_tokens(fill(PROMPT, question=question.question))
        + tries * estimate_tokens(fill(FROM_MEMORY, question=question.question))
        for question in left
    )
    return WorkPlan(len(left), (flags * ATTEMPTS + tries) * len(left), tokens)


def filter_questions(
    questions: Sequence[Question],
    model: BaseChatModel | Reasoner,
    out: str | Path,
    *,
    tries: int = TRIES,
    constrained: bool = True,
    flags: bool = True,
    concurrency: int = 16,
    on_progress: Callable[[WorkProgress], None] | None = None,
) -> FilterReport:
    """Split questions into `filtered.jsonl` and `removed.jsonl`; a second run goes on.

    Raises:
        ResumableError: the model's server is down, or the folder was started with other
            settings; what was finished is kept.
    """
    files = WorkFiles(Path(out), WORK)
    judge = QuestionFilter(model, tries=tries, constrained=constrained, flags=flags)
    settings = {"tries": tries, "model": judge.asker.name}

    async def work(question: Question) -> Mapping[str, Any]:
        return await judge.judge(question)

    return files.run(
        questions,
        question_key,
        work,
        lambda: _write(questions, files, judge.asker, tries),
        settings=settings if flags else {**settings, "flags": False},
        concurrency=concurrency,
        on_progress=on_progress,
    )


def _write(
    questions: Sequence[Question], files: WorkFiles, asker: Asker, tries: int
) -> FilterReport:
    report = FilterReport(len(questions), model=asker.name, used=asker.used)
    finished = files.finished()
    kept, removed, known = [], [], Counter[int]()
    for question in questions:
        found = finished.get(question_key(question))
        if found is None:
            continue
        reasons = found["reasons"]
        report.removed.update(reasons)
        known[found["known_after"]] += 1
        report.without_gold += tries > 0 and not reasons and not question.golds
        record = question.to_json()
        if reasons:
            record = {**record, "removed_because": reasons}
        text = json.dumps(record, ensure_ascii=False)
        (removed if reasons else kept).append(text)
    report.kept = len(kept)
    report.known_after = {n: known[n] for n in sorted(known) if n}
    report.failed = len(files.failed())
    write_whole(files.folder / FILTERED_FILE, kept)
    write_whole(files.folder / REMOVED_FILE, removed)
    write_whole(files.folder / REPORT_FILE, [json.dumps(report.to_json(), indent=2)])
    return report
