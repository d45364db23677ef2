"""WebDancer's sample trajectories: chat messages with thoughts, calls and responses.

Keys: type, task, messages, functions, tool_calls, answer, tag (WebAgent/WebDancer/datasets/
sample_traj.jsonl at f72f75d). `answer` holds the gold answers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ...evals.metrics import outcome
from ...nodes.dialects import get_dialect
from ...nodes.dialects.base import Action, Result
from ...nodes.dialects.web_dancer import BETWEEN_RESULTS
from ...questions import question_id
from ...trace import Document, ReadRecord, SearchRecord, Segment, Trace, Usage
from .documents import number_sources
from .golds import gold_answers
from .source import TraceSource
from .turns import given, prompt_length, prompt_segments, to_chat, written

QUESTION_LINE = "\n\nUser: "
"""Before the question, at the end of the first user message."""

_OPEN, _CLOSE = "<tool_response>\n", "\n\n</tool_response>"
_SEARCHED = re.compile(
    r"A Google search for '(?P<query>.*?)' found (?P<count>\d+) results:\n\n"
    r"## Web Results\n(?P<entries>.*)",
    re.DOTALL,
)
_ENTRY = re.compile(
    r"(?P<number>\d+)\. \[(?P<title>.*?)\]\((?P<url>\S*)\)"
    r"(?:\nDate published: (?P<date>[^\n]*))?\n(?:\n(?P<snippet>.*))?",
    re.DOTALL,
)
_NEXT_ENTRY = re.compile(r"\n\n(?=\d+\. \[)")
_VISITED = re.compile(
    r"The useful information in (?P<url>.*?) for user goal (?P<goal>.*?) as follows: \n\n"
    r"(?P<text>Evidence in page: \n(?P<evidence>.*)\n\nSummary: \n(?P<summary>.*))",
    re.DOTALL,
)


class WebDancerSource(TraceSource):
    """One line, one trajectory."""

    name = "web_dancer"
    describes = "WebDancer's datasets/sample_traj.jsonl"

    def to_trace(self, record: Mapping[str, Any], identifier: str) -> Trace:
        dialect = get_dialect("web_dancer")
        messages = record["messages"]
        count = prompt_length(messages)
        question = messages[count - 1]["content"].rpartition(QUESTION_LINE)[2]
        segments = prompt_segments(messages[:count])
        searches: list[SearchRecord] = []
        reads: list[ReadRecord] = []
        turn, action = 0, Action("invalid")
        for message in messages[count:]:
            if message["role"] == "assistant":
                turn += 1
                action = dialect.parse(message["content"])
                segments += written(dialect, message["content"], turn)
                continue
            segments.append(given(dialect, message["content"], turn))
            results = read_response(message["content"], action)
            searches += [_search(result, turn) for result in results if not result.url]
            reads += [_read(result, turn) for result in results if result.url]
        golds = gold_answers(record.get("answer"))
        answer = dialect.extract_answer(_last_turn(segments))
        return Trace(
            id=identifier,
            question_id=question_id(question),
            question=question,
            golds=golds,
            metadata={"kind": record["tag"]} if record.get("tag") else {},
            segments=segments,
            searches=searches,
            reads=reads,
            sources=number_sources(searches, reads),
            answer=answer,
            stop_reason="answered" if answer is not None else "turn_limit",
            outcome=outcome(answer, golds) if golds else {},
            dialect=dialect.name,
            exactness="message",
            usage=Usage(
                turns=turn, searches=len(searches), reads=len(reads), estimated=True
            ),
        )

    def to_record(self, trace: Trace) -> dict[str, Any]:
        return {
            "messages": to_chat(trace.segments),
            "answer": [trace.golds],
            "tag": trace.metadata.get("kind"),
        }


def _last_turn(segments: Sequence[Segment]) -> str:
    last = segments[-1].turn
    return "".join(s.text for s in segments if s.turn == last and s.trainable)


def read_response(text: str, action: Action) -> list[Result]:
    """Return the results in a tool's response; one of another form is a text alone."""
    body = text.removeprefix(_OPEN).removesuffix(_CLOSE)
    return [_result(part, action) for part in body.split(BETWEEN_RESULTS)]


def _result(text: str, action: Action) -> Result:
    if searched := _SEARCHED.fullmatch(text):
        documents = [_document(entry) for entry in _NEXT_ENTRY.split(searched["entries"])]
        return Result(
            text=searched["entries"], query=searched["query"], documents=documents
        )
    if visited := _VISITED.fullmatch(text):
        page = {"url": visited["url"], "text": visited["evidence"]}
        return Result(
            text=visited["text"],
            url=visited["url"],
            goal=visited["goal"],
            documents=[{**page, "snippet": visited["summary"]}],
        )
    query = " ".join(action.queries)
    return Result(text=text, query=query, url=action.url, goal=action.goal, failed=True)


def _document(entry: str) -> dict[str, str]:
    match = _ENTRY.fullmatch(entry)
    if match is None:
        return {"snippet": entry}
    fields = ("title", "url", "date", "snippet")
    return {name: match[name] or "" for name in fields}


def _search(result: Result, turn: int) -> SearchRecord:
    documents = [Document(**one) for one in result.documents]
    error = "the response is no list of results" if result.failed else None
    return SearchRecord(turn=turn, query=result.query, documents=documents, error=error)


def _read(result: Result, turn: int) -> ReadRecord:
    document = Document(**result.documents[0]) if result.documents else None
    error = "the response holds no page" if result.failed else None
    return ReadRecord(
        turn=turn, url=result.url, goal=result.goal, document=document, error=error
    )
