"""O2-Searcher's cold-start dialogues: searches of several queries, what they taught, answers.

Keys: id, messages (o2searcher/data/coldstart/test.json at 58af6ff). They come without gold
answers. A result that lists documents (228 of 432, each of one query) gives these; learnings
of a turn's queries are one text, which stands as the one document that each of them found.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...nodes.dialects import get_dialect
from ...nodes.dialects.parts.documents import read_numbered_lines
from ...questions import question_id
from ...trace import Document, SearchRecord, Trace, Usage
from .documents import number_sources
from .source import TraceSource
from .turns import given, prompt_length, prompt_segments, to_chat, written

QUESTION_START = "Initial query: "


class O2SearcherSource(TraceSource):
    """One dialogue, one run."""

    name = "o2_searcher"
    describes = "O2-Searcher's data/coldstart/*.json"

    def to_trace(self, record: Mapping[str, Any], identifier: str) -> Trace:
        dialect = get_dialect("o2_searcher:cold_start")
        messages = record["messages"]
        count = prompt_length(messages)
        question = messages[count - 1]["content"].removeprefix(QUESTION_START)
        segments = prompt_segments(messages[:count])
        searches: list[SearchRecord] = []
        turn, last = 0, ""
        for message in messages[count:]:
            text = message["content"]
            if message["role"] == "assistant":
                turn, last = turn + 1, text
                segments += written(dialect, text, turn)
                continue
            segments.append(given(dialect, text, turn))
            searches += [
                SearchRecord(turn=turn, query=query, documents=found_in(text))
                for query in dialect.parse(last).queries
            ]
        answer = dialect.extract_answer(last)
        return Trace(
            id=identifier,
            question_id=question_id(question),
            question=question,
            segments=segments,
            searches=searches,
            sources=number_sources(searches),
            answer=answer,
            stop_reason="answered" if answer is not None else "turn_limit",
            dialect=dialect.name,
            exactness="message",
            usage=Usage(turns=turn, searches=len(searches), estimated=True),
        )

    def to_record(self, trace: Trace) -> dict[str, Any]:
        return {"messages": to_chat(trace.segments)}


def found_in(message: str) -> list[Document]:
    """Return the documents that a result lists, else its learnings as one document."""
    inner = message.partition("<learnings>")[2].rpartition("</learnings>")[0]
    listed = [
        Document(title=line.strip("\"'"), text=said, title_line=line)
        for line, said in read_numbered_lines(inner)
    ]
    return listed or [Document(text=(inner or message).strip())]
