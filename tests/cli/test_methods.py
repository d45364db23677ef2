"""The commands of the systems' methods: `internalize` and `search rows`."""

from __future__ import annotations

import json

import pytest

from langgraph_deepsearch.trace import read_traces

RECALLED = json.dumps(
    {
        "steps": [
            {
                "thought": "The capital is needed.",
                "knowledge": "Lima is the capital of Peru.",
                "documents": [1],
            }
        ],
        "conclusion": "So it is Lima.",
    }
)


@pytest.fixture
def rolled_out(deepsearch, files, fake_server):
    """Roll out one right and one wrong run of a question; return their folder."""
    said = iter(["Lima", "Cusco"])

    def reply(prompt):
        if "Tell the same way" in prompt:
            return RECALLED
        if "<information>" in prompt.rpartition("assistant\n")[2]:
            return f"<think>So.</think><answer>{next(said)}</answer>"
        return "<think>I search.</think><search>capital of Peru</search>"

    fake_server.script(reply)
    done = deepsearch(
        *("rollout", "questions.jsonl", "--out", "run", "--limit", "1", "--rollouts", "2"),
        *("--base-url", fake_server.base_url, "--search", "corpus:corpus.jsonl"),
        *("--dialect", "search_r1", "--concurrency", "1"),
    )
    assert done.code == 0, done.err
    return files / "run"


def test_right_runs_are_rewritten(deepsearch, rolled_out, fake_server):
    plan = deepsearch("internalize", rolled_out, "--out", "known", "--plan", "--json")
    assert json.loads(plan.out)["items"] == 1
    url = ("--base-url", fake_server.base_url)
    done = deepsearch("internalize", rolled_out, "--out", "known", *url, "--json")
    assert (done.code, json.loads(done.out)["internalized"]) == (0, 1)
    (trace,) = read_traces("known/internalized.jsonl")
    assert "<internal>Lima is the capital of Peru.</internal>" in trace.output_text
    assert (trace.usage.recalls, trace.searches) == (1, [])
    wrong = deepsearch(
        *("internalize", rolled_out, "--out", "other", "--dialect", "search_o1", *url)
    )
    assert wrong.code == 1
    assert "has no form for knowledge that is recalled" in wrong.complaint


def test_rows_are_written_for_a_simulator(deepsearch, rolled_out, files):
    # Both runs made the same search: it is neither useful nor noisy.
    none = deepsearch("search", "rows", rolled_out, "--out", "rows.jsonl")
    assert none.code == 1
    assert "2 searches that right and wrong runs made alike" in none.complaint
    traces = list(read_traces(rolled_out))
    right = next(t for t in traces if t.outcome["acc"] == 1)
    (rolled_out / "traces.jsonl").write_text(right.model_dump_json() + "\n")
    arguments = ("search", "rows", rolled_out, "--out", "rows.jsonl", "--no-balanced")
    done = deepsearch(*arguments, "--json")
    assert (done.code, json.loads(done.out)["rows"]) == (0, {"useful": 1})
    row = json.loads((files / "rows.jsonl").read_text())
    assert row["messages"][1]["content"].startswith("Doc 1: Lima is the capital of Peru.")


def test_files_that_are_not_there_are_one_line(deepsearch, files):
    for arguments in (
        ("internalize", "nowhere.jsonl", "--out", "x"),
        ("search", "rows", "nowhere.jsonl", "--out", "x"),
        ("train", "sft", "nowhere.jsonl", "--out", "x"),
    ):
        done = deepsearch(*arguments)
        assert done.code == 1
        assert "no trace file at nowhere.jsonl" in done.complaint
    (files / "chats.jsonl").write_text('{"messages": []}\n')
    done = deepsearch("search", "rows", "chats.jsonl", "--out", "x")
    assert "not a trace" in done.complaint
