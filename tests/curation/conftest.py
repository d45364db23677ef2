"""Traces as the graph leaves them, JSON Lines files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from langgraph_deepsearch.nodes.dialects import get_dialect
from langgraph_deepsearch.trace import Document, SearchRecord, Segment, Trace, Usage

DIALECT = get_dialect()


def make_trace(
    identifier: str = "t1",
    *,
    question_id: str = "q1",
    queries: Sequence[str] = ("capital of France",),
    reasons: Sequence[str] | None = None,
    closing: str = "So it is Paris.</think>",
    answer: str = "\n\n\\boxed{Paris}",
    golds: Sequence[str] = ("Paris",),
    documents: int = 10,
    token_ids: bool = False,
    **fields: Any,
) -> Trace:
    """Return a run that searches each query, then thinks and answers."""
    ids = [1, 2, 3] if token_ids else None
    segments = [Segment(kind="prompt", speaker="user", text="Question?")]
    searches = []
    for turn, query in enumerate(queries, 1):
        reason = reasons[turn - 1] if reasons else f"I look for {query}. "
        segments += [
            _written("reason", reason, turn, ids),
            _written("query", DIALECT.format_query(query), turn, ids),
            Segment(
                kind="result",
                speaker="tool",
                text=DIALECT.render_results(f"Paris is known for {query}."),
                turn=turn,
            ),
        ]
        found = [
            Document(
                id=str(i),
                title=f"Page {turn}-{i}",
                url=f"http://{'xyz'[i % 3]}.example/{turn}/{i}",
            )
            for i in range(documents)
        ]
        searches.append(SearchRecord(turn=turn, query=query, documents=found))
    last = len(queries) + 1
    if closing:
        segments.append(_written("reason", closing, last, ids))
    if answer:
        segments.append(_written("answer", answer, last, ids))
    extracted = DIALECT.extract_answer(answer)
    values = {
        "id": identifier,
        "question_id": question_id,
        "question": "What is the capital of France?",
        "golds": list(golds),
        "segments": segments,
        "searches": searches,
        "answer": extracted,
        "stop_reason": "answered",
        "dialect": "simple_deep_searcher",
        "exactness": "token" if token_ids else "text",
        "usage": Usage(searches=len(searches), turns=last),
    }
    return Trace(**{**values, **fields})


def _written(kind: Any, text: str, turn: int, ids: list[int] | None) -> Segment:
    return Segment(
        kind=kind,
        speaker="assistant",
        text=text,
        trainable=True,
        turn=turn,
        token_ids=ids,
        logprobs=None if ids is None else [-0.1] * len(ids),
    )


@pytest.fixture
def build():
    return make_trace


@pytest.fixture
def dialect():
    return DIALECT


def write_lines(path: Path, records) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def read_lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def jsonl():
    """Write records into a JSON Lines file."""
    return write_lines


@pytest.fixture
def lines():
    """Read the records of a JSON Lines file."""
    return read_lines
