"""Long work over many items that a kill does not undo.

Every finished item is a line of a log, written before the next is begun; an item that
broke on infrastructure is a line of the failures file and is tried again next time.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Generic, TypeVar

from ..errors import DeepSearchError
from ..graph.work_progress import WorkProgress
from ..json_lines import append_lines
from ..questions import Question
from .asking import AskError

Item = TypeVar("Item")

ITEM = "item"
"""Field of a log line that names its item."""

MAX_FAILURES_IN_A_ROW = 8
"""Unanswered items with no success between them after which the work stops: the server is
down, and going on would only burn through the items."""


class ResumableError(DeepSearchError):
    """The work cannot go on; what was finished is kept."""


class UnusableReplyError(DeepSearchError):
    """The model answered an item, but never in a form that can be used."""

    def __init__(
        self, reason: str, reply: str = "", marks: Sequence[str] = (), *, replies: int = 1
    ) -> None:
        self.reply = reply
        """The last of them."""
        self.marks = list(marks)
        """What was odd about its replies, to be counted."""
        self.replies = replies
        super().__init__(reason)


def describe(progress: WorkProgress) -> str:
    """Return failures and the time left in words.

    >>> describe(WorkProgress(10, failed=2))
    '2 failed'
    """
    from ..graph.progress import duration  # the graph takes half a second to import

    parts = [f"{progress.failed} failed"] if progress.failed else []
    if progress.eta is not None:
        parts.append(f"{duration(progress.eta)} left")
    return ", ".join(parts)


@dataclass(frozen=True)
class WorkPlan:
    """What is left to do, and what it will take at most."""

    items: int
    most_calls: int
    """Calls of the model if every item takes all its tries."""
    prompt_tokens: int = 0
    """Tokens read if every item takes one try; 0: not estimated."""

    def to_json(self) -> dict[str, int]:
        """Return the figures by name."""
        return asdict(self)

    def text(self) -> str:
        """Return the plan for people.

        >>> WorkPlan(2, 6, 500).text()
        '2 items left: at most 6 model calls; about 500 tokens read if none is repeated'
        """
        tokens = f"; about {self.prompt_tokens} tokens read if none is repeated"
        calls = f"{self.items} items left: at most {self.most_calls} model calls"
        return calls + (tokens if self.prompt_tokens else "")


class ResumableWork(Generic[Item]):
    """Does one thing to each of many items, several at once.

    Args:
        log: file of finished items, JSON Lines with the field `item`.
        failures: file of items that failed, with `error`, and `reply`, `marks` and
            `replies` (how many) where there are any.
        key: names an item; no two may have the same.
        work: does an item; what it returns becomes the item's log line. A
            `DeepSearchError` fails the item alone, an `AskError` counts towards giving
            up.
        concurrency: items in work at once.
        on_progress: called after each item.
    """

    def __init__(
        self,
        log: Path,
        failures: Path,
        key: Callable[[Item], str],
        work: Callable[[Item], Awaitable[Mapping[str, Any]]],
        *,
        concurrency: int = 16,
        on_progress: Callable[[WorkProgress], None] | None = None,
    ) -> None:
        if concurrency < 1:
            msg = f"concurrency must be at least 1, not {concurrency}"
            raise ResumableError(msg)
        self._log, self._failures = log, failures
        self._key, self._work = key, work
        self._concurrency = concurrency
        self._on_progress = on_progress
        self._failures_in_a_row = 0

    async def run(self, items: Sequence[Item]) -> WorkProgress:
        """Do what is not in the log yet.

        Raises:
            ResumableError: failures in a row show that the model's server is down.
        """
        finished = read_log(self._log)
        left = [item for item in items if self._key(item) not in finished]
        self._failures.unlink(missing_ok=True)  # each is tried again now
        progress = WorkProgress(len(items), already=len(items) - len(left))
        pending = iter(left)
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(self._concurrency, len(left))):
                    group.create_task(self._drain(pending, progress))
        except* ResumableError as errors:
            raise errors.exceptions[0] from None
        return progress

    async def _drain(self, pending: Iterator[Item], progress: WorkProgress) -> None:
        for item in pending:
            try:
                record = await self._work(item)
            except DeepSearchError as error:
                await self._fail(item, error, progress)
            else:
                self._failures_in_a_row = 0
                line = json.dumps({ITEM: self._key(item), **record}, ensure_ascii=False)
                await asyncio.to_thread(append_lines, self._log, [line])
                progress.done += 1
            if self._on_progress:
                self._on_progress(progress)

    async def _fail(
        self, item: Item, error: DeepSearchError, progress: WorkProgress
    ) -> None:
        progress.failed += 1
        record: dict[str, Any] = {ITEM: self._key(item), "error": str(error)}
        if isinstance(error, UnusableReplyError):
            record |= {
                "reply": error.reply,
                "marks": error.marks,
                "replies": error.replies,
            }
        line = json.dumps(record, ensure_ascii=False)
        await asyncio.to_thread(append_lines, self._failures, [line])
        # A reply that cannot be used still shows that the server is up.
        is_down = isinstance(error, AskError)
        self._failures_in_a_row = self._failures_in_a_row + 1 if is_down else 0
        if self._failures_in_a_row >= MAX_FAILURES_IN_A_ROW:
            kept = progress.already + progress.done
            msg = (
                f"stopped after {self._failures_in_a_row} failures in a row, the last: "
                f"{error}; {kept} of {progress.total} are kept: mend that and run the "
                "same command again"
            )
            raise ResumableError(msg)


def question_key(question: Question) -> str:
    """Return a question's name in a log: its id, and a digest of its text.

    So that another file with the same ids is not taken for finished.

    >>> question_key(Question("7", "Who?"))
    '7 d991a24e'
    """
    digest = sha256(question.question.encode()).hexdigest()[:8]
    return f"{question.id} {digest}"


def read_log(path: Path) -> dict[str, dict[str, Any]]:
    """Return the finished items of a log by name; a line that broke off is none.

    Raises:
        ResumableError: a line inside the log is no log line.
    """
    if not path.is_file():
        return {}
    records: dict[str, dict[str, Any]] = {}
    lines = path.read_bytes().split(b"\n")
    for number, line in enumerate(lines[:-1], 1):  # the last is empty, or torn by a kill
        try:
            record = json.loads(line)
            records[record[ITEM]] = record
        except (ValueError, TypeError, KeyError) as error:
            msg = f"{path}:{number}: not a line of this log; remove it to go on"
            raise ResumableError(msg) from error
    return records


def check_settings(path: Path, settings: Mapping[str, Any]) -> None:
    """Write the settings that a run was started with, or compare with them.

    Raises:
        ResumableError: it was started with others; the message names the first.
    """
    current = json.loads(json.dumps(settings, default=str))
    if not path.is_file():
        write_whole(path, [json.dumps(current, indent=2, ensure_ascii=False)])
        return
    # Folders begun before models were recorded do not say which it was.
    model = {name: current[name] for name in ("model",) if name in current}
    earlier = {**model, **json.loads(path.read_text(encoding="utf-8"))}
    for name in sorted({*earlier, *current}):
        if earlier.get(name) != current.get(name):
            msg = (
                f"{path.parent} was started with {name}={earlier.get(name)!r}, now it is "
                f"{current.get(name)!r}: take another --out, or the same settings to resume"
            )
            raise ResumableError(msg)


def write_whole(path: Path, lines: Iterable[str]) -> None:
    """Write a file so that there is all of it or the earlier one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    with partial.open("w", encoding="utf-8") as file:
        file.writelines(line + "\n" for line in lines)
    partial.replace(path)
