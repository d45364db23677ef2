"""`deepsearch import`, then what a user does next."""

from __future__ import annotations

import json

import pytest

from langgraph_deepsearch.curation.imports import original_record
from langgraph_deepsearch.trace import append_trace, read_traces

TEXT = (
    " I look it up. <|begin_of_query|> who wrote Emma<|end_of_query|>\n\n"
    "<|begin_of_documents|>\n(1)Title: Emma Text:  A novel by Jane Austen.\n"
    "<|end_of_documents|>\n\nIt says so.</think>\n\n<answer> Jane Austen </answer>"
)
RECORD = {
    "question": "Who wrote the novel Emma?",
    "answer": "Jane Austen",
    "pred_ans": " Jane Austen ",
    "stop_reason_final": "finished",
    "gen_text_store": TEXT,
    "gpt4o_output": "True",
}


@pytest.fixture
def rollouts(tmp_path):
    path = tmp_path / "rollouts.jsonl"
    path.write_text(json.dumps(RECORD) + "\n", encoding="utf-8")
    return path


def test_traces_are_written_and_curated(deepsearch, rollouts, tmp_path):
    out = tmp_path / "traces.jsonl"
    done = deepsearch("import", rollouts, "--from", "r1_searcher", "--out", out)
    assert (done.code, "1 traces in" in done.out) == (0, True)
    (trace,) = read_traces(out)
    assert original_record(trace) == RECORD
    kept = tmp_path / "kept"
    done = deepsearch("curate", out, "--out", kept, "--preset", "r1_searcher")
    assert done.code == 0, done.err
    assert [t.answer for t in read_traces(kept / "curated.jsonl")] == ["Jane Austen"]


def test_the_file_that_is_read_is_never_replaced(deepsearch, rollouts):
    before = rollouts.read_bytes()
    done = deepsearch("import", rollouts, "--from", "r1_searcher", "--out", rollouts)
    assert (done.code, "another --out" in done.err) == (1, True)
    assert rollouts.read_bytes() == before


def test_other_traces_are_never_replaced(deepsearch, rollouts, tmp_path):
    out = tmp_path / "traces.jsonl"
    words = ("import", rollouts, "--from", "r1_searcher", "--out", out)
    for _ in range(2):  # what was imported from there may be imported again
        assert deepsearch(*words).code == 0
    imported = next(read_traces(out))
    own = imported.model_copy(update={"id": "own", "metadata": {}})
    append_trace(out, own)
    before = out.read_bytes()
    done = deepsearch(*words)
    assert done.code == 1
    assert "holds traces that were not imported from r1_searcher" in done.complaint
    assert "another --out" in done.complaint
    assert out.read_bytes() == before


@pytest.mark.parametrize("preset", ["reference", "direct"])
def test_result_files_hold_no_documents_and_are_curated_without_that_rule(
    deepsearch, tmp_path, preset
):
    record = {
        "id": 0,
        "Question": "<|im_start|>user\nAnswer.\n\nQuestion:\nWho wrote Emma?\n\n<|im_end|>\n"
        "<|im_start|>assistant\n",
        "answer": ["Jane Austen"],
        "Output": "I look for the author of Emma. <|begin_search_query|>author of Emma"
        "<|end_search_query|>\n\n<|begin_search_result|>Emma is by Jane Austen."
        "<|end_search_result|>\n\nSo it is Jane Austen.</think>\n\n\\boxed{Jane Austen}",
        "Pred_Answer": "Jane Austen",
        "Metrics": {"acc": True, "em": 1},
    }
    (tmp_path / "test.json").write_text(json.dumps([record]))
    out = tmp_path / "traces.jsonl"
    source = ("--from", "simple_deep_searcher")
    assert deepsearch("import", tmp_path / "test.json", *source, "--out", out).code == 0
    curate = ("curate", out, "--out", tmp_path / "kept", "--preset", preset)
    assert "--without distinct_documents" in deepsearch(*curate).complaint
    assert deepsearch(*curate, "--without", "distinct_documents").code == 0


def test_a_judges_verdict_may_select(deepsearch, rollouts, tmp_path):
    rollouts.write_text(json.dumps({**RECORD, "gpt4o_output": "False"}) + "\n")
    traces, chosen = tmp_path / "traces.jsonl", tmp_path / "chosen.jsonl"
    assert (
        deepsearch("import", rollouts, "--from", "r1_searcher", "--out", traces).code == 0
    )
    words = ["select", traces, "--out", chosen, "--right", "0-0", "--of", "1"]
    assert deepsearch(*words).code == 1
    assert deepsearch(*words, "--measure", "judge", "--measure", "acc").code == 0
    again = deepsearch("select", traces, "--out", traces, "--right", "1-1", "--of", "1")
    assert (again.code, "another --out" in again.err) == (1, True)


@pytest.mark.parametrize(
    ("source", "text", "complaint"),
    [
        ("nobody", "", "no traces can be imported from 'nobody'"),
        ("web_dancer", "", "rollouts.jsonl:1: not a web_dancer record (lacks 'messages')"),
        ("r1_searcher", "{", "not valid JSON"),
        ("o2_searcher", "[]", "holds no records"),
    ],
)
def test_a_bad_file_is_one_line_and_leaves_nothing(
    deepsearch, rollouts, tmp_path, source, text, complaint
):
    if text:
        rollouts.write_text(text, encoding="utf-8")
    out = tmp_path / "traces.jsonl"
    done = deepsearch("import", rollouts, "--from", source, "--out", out)
    assert done.code == 1
    assert complaint in done.err
    assert done.err.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rollouts.jsonl"]
