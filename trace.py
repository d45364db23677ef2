"""The trace: the one record of a run that every later stage reads.

A trace is an ordered list of segments. `Segment.trainable` is true exactly for the
text the model wrote, so inference text, training labels, reinforcement-learning masks,
preference pairs and every export come from this one list; nothing parses text again to
find out who wrote it.

Files of traces are JSON Lines, one trace a line, only ever appended to. A torn last line
(a killed writer's) is never a trace: it is left out, with a warning, and cut off before the
next trace is appended. A last line that lacks its newline alone is whole and counts.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from .errors import DeepSearchError
from .json_lines import (
    append_lines,
    complaint,
    is_whole,
    load_record,
    warn_of_torn_line,
)

TRACE_FILE = "traces.jsonl"
"""Name of the trace file in a folder of traces."""

TRACE_VERSION = 1
"""Version of the record's layout; a reader refuses a newer one."""

SegmentKind = Literal[
    "prompt", "reason", "query", "recall", "result", "call", "answer", "notice"
]
"""What a stretch of text is.

prompt: what the model was given at the start. reason: thinking. query: a search, tags
included. recall: knowledge the model wrote down in place of a search. call: another tool
call (read, click, write). result: what came back from a tool. notice: a message of the
harness (limit reached, repeated query, forced answer). answer: the closing text that holds
the final answer.
"""

Speaker = Literal["system", "user", "assistant", "tool"]

StopReason = Literal[
    "answered",
    "search_limit",
    "turn_limit",
    "token_limit",
    "context_limit",
    "deadline",
    "error",
]
"""Why a run ended; always recorded."""

Exactness = Literal["token", "text", "message"]
"""How exact the record is: token ids from the server; text byte for byte; or messages
of a chat-only model whose server-side template is unknown."""


class TraceFileError(DeepSearchError):
    """A trace file holds a line that is not a trace, or cannot be written."""


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Segment(_Record):
    """One stretch of text with one author."""

    kind: SegmentKind
    speaker: Speaker
    text: str
    trainable: bool = False
    turn: int = 0
    """Model turn the segment belongs to, from 1; 0 for the prompt."""
    token_ids: list[int] | None = None
    logprobs: list[float] | None = None
    """One natural-log probability per token id, as sampled."""
    end_id: int | None = None
    """The end token that the model sampled after it, where the server told it. It is no
    text: it stands neither in `token_ids` nor in the prompts of later turns."""
    end_logprob: float | None = None
    torn: bool = False
    """Whether a limit cut the model's turn off here: it did not end it itself."""


class Document(_Record):
    """What a search found or a reader read: one shape for every provider."""

    id: str = ""
    title: str = ""
    text: str = ""
    """The evidence: page text where it was read, else the snippet."""
    title_line: str | None = None
    """The text's first line where a retriever gave title and text as one, byte for byte;
    empty where it had no title; None where title and text came apart."""
    url: str = ""
    snippet: str = ""
    date: str = ""
    score: float | None = None


class Source(_Record):
    """A document as the run knows it; ids are `1`, `2`, … in order of first appearance."""

    id: str
    url: str = ""
    title: str = ""
    retrieved_at: str = ""
    content_hash: str = ""
    used: bool = False
    """Whether its text became evidence the model read."""
    cited: bool = False
    """Whether the final text cites it by id."""
    number: int = 0
    """Its number in a report, in order of first citation; 0: it is in none."""


class SearchRecord(_Record):
    """One executed query and what it gave."""

    turn: int
    query: str
    documents: list[Document] = Field(default_factory=list)
    """In rank order, with the run's source ids; text as given to the condenser."""
    seconds: float = 0.0
    cached: bool = False
    error: str | None = None
    """Set when the search failed; a failure is never shown as a finding."""
    outage: bool = False
    """Whether the service itself was out of reach, so that no query could have worked."""


class ReadRecord(_Record):
    """One page that the model asked for by its address."""

    turn: int
    url: str
    goal: str = ""
    document: Document | None = None
    """The page, with its source id; None when it could not be read."""
    seconds: float = 0.0
    error: str | None = None


class ChildRecord(_Record):
    """A model call inside a step (condenser, explorer, reader) with its own tokens."""

    step: str
    turn: int
    model: str = ""
    segments: list[Segment] = Field(default_factory=list)
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
    error: str | None = None


class Usage(_Record):
    """What a run cost. Tokens are the reasoning model's; children have their own."""

    turns: int = 0
    searches: int = 0
    recalls: int = 0
    """Times the model answered a step from its own knowledge, where its dialect says so."""
    reads: int = 0
    prompt_tokens: int = 0
    """Prompt tokens summed over calls, as the server counts them."""
    cached_prompt_tokens: int = 0
    completion_tokens: int = 0
    child_prompt_tokens: int = 0
    child_completion_tokens: int = 0
    invalid_citations: int = 0
    """Citations in the final text that name no retrieved source."""
    estimated: bool = False
    """True when the server gave no token counts and they were estimated from text."""


class Trace(_Record):
    """One run of one question."""

    version: int = TRACE_VERSION
    id: str
    """Unique per run; a run gone on with from a checkpoint has an ending of its own."""
    question_id: str = ""
    rollout: int = 0
    """Index of this run among the rollouts of its question, from 0."""
    question: str
    golds: list[str] = Field(default_factory=list)
    metadata: dict[str, Any] = Field(default_factory=dict)
    """What the question's source says of it (domain, hops, kind, …)."""
    segments: list[Segment]
    children: list[ChildRecord] = Field(default_factory=list)
    searches: list[SearchRecord] = Field(default_factory=list)
    reads: list[ReadRecord] = Field(default_factory=list)
    sources: list[Source] = Field(default_factory=list)
    answer: str | None = None
    stop_reason: StopReason
    error: str | None = None
    outcome: dict[str, float] = Field(default_factory=dict)
    """Scores of the answer: `em`, `f1`, `acc`, `judge`, `user`; empty while unscored."""
    dialect: str
    model: str = ""
    summarizer: str = ""
    exactness: Exactness = "text"
    settings: dict[str, Any] = Field(default_factory=dict)
    usage: Usage = Field(default_factory=Usage)
    started_at: str = ""
    """ISO 8601, UTC."""
    seconds: float = 0.0

    @property
    def output_text(self) -> str:
        """Everything after the prompt, as the model saw it."""
        return "".join(s.text for s in self.segments if s.kind != "prompt")

    @property
    def prompt_messages(self) -> list[dict[str, str]]:
        """The prompt as chat messages, `role` and `content`."""
        return [
            {"role": s.speaker, "content": s.text}
            for s in self.segments
            if s.kind == "prompt"
        ]

    def turns(self) -> list[list[Segment]]:
        """Segments after the prompt, grouped by turn in order."""
        groups: dict[int, list[Segment]] = {}
        for segment in self.segments:
            if segment.kind != "prompt":
                groups.setdefault(segment.turn, []).append(segment)
        return [groups[turn] for turn in sorted(groups)]


def dump_trace(trace: Trace) -> str:
    """Return the trace as one JSON line without the newline."""
    return trace.model_dump_json(exclude_defaults=False)


def append_trace(path: str | os.PathLike[str], trace: Trace) -> None:
    """Append one trace so that a crash leaves either the whole line or none.

    The line goes out in a single `write` on a file opened for appending, then is
    flushed to disk. A torn line that an earlier crash left is cut off first; one that
    lacks its newline alone gets it.

    Args:
        path: the JSON Lines file; made, with its folders, when absent.
        trace: the record to add.
    """
    append_lines(path, [dump_trace(trace)])


def require_trace_folder(folder: str | os.PathLike[str]) -> None:
    """Make a folder of traces and make sure that one can be appended there.

    Asked before a run begins: what a model wrote for minutes is not to be lost to a typing
    mistake. The trace file itself is made by the first trace.

    Raises:
        TraceFileError: it cannot be written to.
    """
    target = Path(folder)
    try:
        target.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=target):
            pass
        if (target / TRACE_FILE).exists():
            (target / TRACE_FILE).open("ab").close()
    except OSError as error:
        reason = error.strerror or str(error)
        msg = f"no trace can be written to {target} ({reason}): give another trace_dir"
        raise TraceFileError(msg) from error


def write_traces(path: str | os.PathLike[str], traces: Iterable[Trace]) -> int:
    """Write traces as a new file, replacing an old one in one step.

    Returns:
        How many were written.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    count = 0
    try:
        with partial.open("w", encoding="utf-8") as file:
            for trace in traces:
                file.write(dump_trace(trace) + "\n")
                count += 1
            file.flush()
            os.fsync(file.fileno())
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)  # left only where reading the traces failed
    return count


def read_traces(path: str | os.PathLike[str]) -> Iterator[Trace]:
    """Read traces one at a time; memory does not grow with the file.

    A torn last line is left out with a warning; one that lacks its newline alone counts.

    Args:
        path: a trace file, or a run directory that holds `traces.jsonl`.

    Raises:
        TraceFileError: the file is absent, or a whole line is not a trace; the message
            names the file and the line.
    """
    source = Path(path)
    if source.is_dir():
        source = source / TRACE_FILE
    if not source.is_file():
        msg = (
            f"no trace file at {source}: run `deepsearch rollout` first, or check the path"
        )
        raise TraceFileError(msg)
    with source.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            if not is_whole(line):
                warn_of_torn_line(source)
                return
            yield parse_trace(line, source, number)


def parse_trace(line: bytes, source: Path, number: int) -> Trace:
    """Return the trace of one line.

    Raises:
        TraceFileError: it is none; the message names `source` and line `number`.
    """
    try:
        data, version = load_record(line, TRACE_VERSION)
        if version > TRACE_VERSION:
            msg = (
                f"{source}:{number}: trace version {version} is newer than this program "
                f"reads ({TRACE_VERSION}); upgrade langgraph-deepsearch"
            )
            raise TraceFileError(msg)
        return Trace.model_validate(data)
    except ValueError as error:
        reason = complaint(error)
        msg = f"{source}:{number}: not a trace ({reason}); remove or repair that line"
        raise TraceFileError(msg) from error


def segments_text(segments: Sequence[Mapping[str, Any]]) -> str:
    """Join the text of plain-dict segments, the form they have in graph state."""
    return "".join(segment["text"] for segment in segments)
