"""The graph's state: plain dicts, lists and strings.

Segments and sources live in a `DeltaChannel`: a checkpoint stores only what a step added, so the
bytes of a run grow with its turns, not with their square. Entries are shaped like
`trace.Segment` (`speaker` and `kind`, never `role` or `type`, which the checkpoint
serialiser takes for messages).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from langchain_core.messages import AnyMessage
from langgraph.channels import DeltaChannel
from langgraph.graph.message import add_messages
from typing_extensions import TypedDict  # typing's breaks Studio's schemas on 3.11


def extend(current: list[Any], writes: Sequence[Sequence[Any]]) -> list[Any]:
    """Append every write to the list; associative, as `DeltaChannel` needs."""
    return [*current, *(entry for write in writes for entry in write)]


Log = Annotated[list[dict[str, Any]], DeltaChannel(extend, list)]
"""An append-only list of plain dicts."""


def join_sources(
    current: Sequence[Mapping[str, Any]], writes: Sequence[Sequence[Mapping[str, Any]]]
) -> list[Any]:
    """Add new sources at the end and put changed ones in their place, by id; associative.

    >>> join_sources([{"id": "1"}], [[{"id": "2"}], [{"id": "1", "used": True}]])
    [{'id': '1', 'used': True}, {'id': '2'}]
    """
    known = {entry["id"]: entry for entry in current}
    known.update((entry["id"], entry) for write in writes for entry in write)
    return list(known.values())


SourceLog = Annotated[list[dict[str, Any]], DeltaChannel(join_sources, list)]
"""Sources by id; a step writes those that are new or changed, so that a run's checkpoints
do not hold all of them once a turn."""


class DeepSearchInput(TypedDict, total=False):
    """What a run is given: a question, or messages whose last human one is it."""

    question: str
    messages: Annotated[list[AnyMessage], add_messages]
    episode: dict[str, Any]
    """What a simulated search engine must know (`tools.base.Episode`); never shown to the
    reasoning model."""


class DeepSearchOutput(TypedDict, total=False):
    """What a run gives back."""

    answer: str
    sources: SourceLog
    stop_reason: str
    messages: Annotated[list[AnyMessage], add_messages]


class DeepSearchState(DeepSearchInput, DeepSearchOutput, total=False):
    """All of a run's state. Every key but `messages` is reset when a run starts."""

    run: dict[str, Any]
    """What was fixed when the run started: id, settings, model names, start time."""
    segments: Log
    children: Log
    searches: Log
    """One `trace.SearchRecord` for each executed query."""
    reads: Log
    """One `trace.ReadRecord` for each page read by its address."""
    found: Log
    """Raw results of this turn's search tasks, read by the join."""
    pending: dict[str, Any]
    """The action under way: its kind, queries, url and goal."""
    counts: dict[str, Any]
    """What has been spent: turns, searches, tokens, seconds."""
    error: str | None


class ReportOutput(DeepSearchOutput, total=False):
    """What a run of the report graph gives back.

    `answer` holds the report as well, so that what reads an answer reads a report.
    """

    report: str
    """The report in markdown, its sources at the end."""
    removed_citations: int
    """Citations taken out of it because they named nothing retrieved."""
    error: str | None
    """What broke, where a model failed for good after something had been written."""


class ReportState(DeepSearchState, ReportOutput, total=False):
    """All of a report run's state."""

    plan: str
    drafts: Log
    """Everything written, in order; the report is made of these (`nodes/report/article.py`)."""
    opened: Log
    """Pages that a condenser opened itself, shaped like `trace.Document`: the writer is
    shown them beside what the searches found."""


class SearchTask(TypedDict):
    """What one `Send` gives a search task."""

    query: str
    position: int
    turn: int
    run: dict[str, Any]


class ReadTask(TypedDict):
    """What one `Send` gives a read task."""

    url: str
    goal: str
    position: int
    turn: int
    run: dict[str, Any]
