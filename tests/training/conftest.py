"""Traces for the training tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from langgraph_deepsearch.nodes.dialects import get_dialect
from langgraph_deepsearch.trace import Segment, Trace, write_traces


def make_trace(number: int, **changes) -> Trace:
    dialect = get_dialect()
    question = f"Who directed film number {number}?"
    prompt = dialect.prompt(question, max_searches=5)
    query = dialect.format_query(f"film number {number} director")
    result = dialect.render_results(f"Film {number} was directed by person {number * 7}.")
    texts = [
        ("reason", "assistant", f"I should look up film {number}.\n", True, 1),
        ("query", "assistant", query, True, 1),
        ("result", "tool", result, False, 1),
        ("reason", "assistant", "The result names the director.</think>\n\n", True, 2),
        ("answer", "assistant", dialect.format_answer(f"person {number * 7}"), True, 2),
    ]
    segments = [
        Segment(kind="prompt", speaker=m["role"], text=m["content"]) for m in prompt
    ]
    segments += [
        Segment(kind=kind, speaker=speaker, text=text, trainable=trainable, turn=turn)
        for kind, speaker, text, trainable, turn in texts
    ]
    values = {
        "id": f"t{number}",
        "question": question,
        "segments": segments,
        "answer": f"person {number * 7}",
        "stop_reason": "answered",
        "dialect": dialect.name,
    }
    return Trace(**{**values, **changes})


@pytest.fixture
def traces_file(tmp_path) -> Path:
    path = tmp_path / "traces.jsonl"
    write_traces(path, (make_trace(n) for n in range(12)))
    return path


@pytest.fixture(scope="session", name="make_trace")
def _make_trace():
    return make_trace
