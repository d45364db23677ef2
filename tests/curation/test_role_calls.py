from __future__ import annotations

import json

import pytest

from langgraph_deepsearch.curation.exports import export_traces
from langgraph_deepsearch.curation.role_calls import (
    RoleCallsError,
    role_calls,
    write_role_calls,
)
from langgraph_deepsearch.nodes.child import call_record
from langgraph_deepsearch.nodes.models.base import Generation, Piece
from langgraph_deepsearch.trace import Trace, TraceFileError, write_traces


def child(step, said="ok", error=None):
    asked = [{"role": "user", "content": f"play {step}"}]
    reply = None if error else Generation((Piece(said),), "stop")
    return call_record(step, 1, "m", asked, seconds=0.1, generation=reply, error=error)


@pytest.fixture
def trace():
    return Trace(
        id="q/0",
        question="Q?",
        segments=[],
        stop_reason="answered",
        dialect="mask_search",
        children=[
            child("planner"),
            child("learnings"),
            child("rewriter", error="down"),
            child("observer", "Sufficient: yes"),
        ],
    )


def test_calls_become_chats(trace, tmp_path):
    out = tmp_path / "calls.jsonl"
    report = write_role_calls([trace], out)
    assert report.to_json() == {
        "runs": 1,
        "calls": 2,
        "by_role": {"planner": 1, "observer": 1},
    }
    first, second = (json.loads(line) for line in out.read_text().splitlines())
    assert first["messages"] == [
        {"role": "user", "content": "play planner"},
        {"role": "assistant", "content": "ok"},
    ]
    assert first["id"] != second["id"]
    assert [call["role"] for call in role_calls(trace)] == ["planner", "observer"]


def test_runs_of_one_model_have_none(trace, tmp_path):
    with pytest.raises(RoleCallsError, match="none of 1 runs was written by roles"):
        write_role_calls([trace.model_copy(update={"children": []})], tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_an_export_writes_the_same_calls(trace, tmp_path):
    file = tmp_path / "traces.jsonl"
    write_traces(file, [trace])
    write_role_calls([trace], tmp_path / "calls.jsonl")
    assert export_traces(file, "roles", tmp_path / "roles.jsonl") == 2
    assert (tmp_path / "roles.jsonl").read_text() == (tmp_path / "calls.jsonl").read_text()
    write_traces(file, [trace.model_copy(update={"children": []})])
    with pytest.raises(TraceFileError, match="written by roles: make them with"):
        export_traces(file, "roles", tmp_path / "none.jsonl")
