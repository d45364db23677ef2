"""What a teacher has done so far, read from the transcript it is given."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from langchain_core.messages import BaseMessage

from ..nodes.dialects import Dialect
from ..nodes.dialects.parts.tool_calls import ToolCallDialect

GAP = "\ue000"
"""Stands for a query or a result in the dialect's form of it; no text of ours holds it,
and JSON leaves it as it is."""

_ADDRESS = re.compile(r"https?://[^\s\"'<>()\[\]]+")


@dataclass(frozen=True)
class PastSearch:
    """A search that was made."""

    query: str
    result: str
    """What it brought, and what the pages said that were opened after it."""
    opened: tuple[str, ...] = ()
    """Addresses of those pages."""

    def unopened(self) -> str:
        """Return the first address that was found and not opened; empty without one."""
        found = (match[0] for match in _ADDRESS.finditer(self.result))
        return next((url for url in found if url not in self.opened), "")


@dataclass(frozen=True)
class History:
    """A transcript as the teacher sees it."""

    prompt: str
    text: str
    """What stands in the assistant's last message."""
    searches: tuple[PastSearch, ...]
    turns: int
    """Finished turns."""
    is_forced: bool
    """Whether the harness demands an answer now."""


def reads_pages(dialect: Dialect) -> bool:
    """Tell whether a dialect has a tool that opens a page by its address."""
    if not isinstance(dialect, ToolCallDialect):
        return False
    return any(tool.kind == "read" for tool in dialect.tools)


def read_history(messages: Sequence[BaseMessage], dialect: Dialect) -> History:
    """Return what the messages hold.

    Args:
        messages: the prompt, then the transcript: as one assistant message where results
            stand inside the model's text, else as turns with results as messages between.
        dialect: what is spoken.
    """
    first = next((i for i, m in enumerate(messages) if m.type == "ai"), len(messages))
    prompt = "\n".join(str(m.text) for m in messages[:first])
    rest = messages[first:]
    if dialect.layout == "inline":
        return _inline(
            prompt, "".join(str(m.text) for m in rest if m.type == "ai"), dialect
        )
    return _turns(prompt, rest, dialect)


def _inline(prompt: str, text: str, dialect: Dialect) -> History:
    searches = tuple(_inline_searches(text, dialect))
    forced = text.endswith(dialect.force_answer())
    return History(prompt, text, searches, len(searches), forced)


def _inline_searches(text: str, dialect: Dialect) -> Iterator[PastSearch]:
    query_form = re.compile(_form(dialect.format_query(GAP)), re.DOTALL)
    result_form = re.compile(_form(dialect.wrap_result(GAP).strip()), re.DOTALL)
    asked = list(query_form.finditer(text))
    ends = [match.start() for match in asked] + [len(text)]
    for match, end in zip(asked, ends[1:], strict=True):
        result = result_form.search(text, match.end(), end)
        yield PastSearch(match[1].strip(), result[1] if result else "")


def _form(text: str) -> str:
    """Return the pattern of a form around one gap."""
    before, after = text.split(GAP)
    return f"{re.escape(before)}(.*?){re.escape(after)}"


def _turns(prompt: str, rest: Sequence[BaseMessage], dialect: Dialect) -> History:
    searches: list[PastSearch] = []
    turns = 0
    for said, reply in _pairs(rest):
        action = dialect.parse(said)
        if action.kind == "search":
            searches.append(PastSearch(action.queries[0], reply))
        elif action.kind == "read" and searches:
            last = searches[-1]
            opened = (*last.opened, *action.urls)
            searches[-1] = PastSearch(last.query, f"{last.result}\n{reply}", opened)
        else:
            continue  # an opening that the harness has written
        turns += 1
    own = [str(m.text) for m in rest if m.type == "ai"]
    others = [str(m.text) for m in rest if m.type != "ai"]
    forced = bool(others) and others[-1].endswith(dialect.force_answer())
    return History(prompt, own[-1] if own else "", tuple(searches), turns, forced)


def _pairs(rest: Sequence[BaseMessage]) -> Iterator[tuple[str, str]]:
    """Yield each turn with what answered it."""
    starts = [i for i, m in enumerate(rest) if m.type == "ai"]
    for start, end in zip(starts, [*starts, len(rest)][1:], strict=True):
        reply = "\n".join(str(m.text) for m in rest[start + 1 : end])
        yield str(rest[start].text), reply
