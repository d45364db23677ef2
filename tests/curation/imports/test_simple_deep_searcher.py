"""The reference's turn, result and training files, composed as its code writes them."""

from __future__ import annotations

import json

import pytest

from langgraph_deepsearch.curation.exports import export_traces
from langgraph_deepsearch.curation.imports import (
    ImportFileError,
    import_traces,
    original_record,
)
from langgraph_deepsearch.nodes.dialects import get_dialect
from langgraph_deepsearch.trace import write_traces

DIALECT = get_dialect("simple_deep_searcher")
TASK = "Use the tools.\n\nQuestion:\nWho wrote Emma?\n\n"
PROMPT = f"<|im_start|>user\n{TASK}<|im_end|>\n<|im_start|>assistant\n"
FOUND = (
    {"id": 1, "title": "Emma", "url": "http://e.test", "context": "By Austen."},
    {"id": 2, "title": "Jane", "url": "http://j.test", "context": "An author."},
)
PAGES = "".join(
    f"**Web Page {page['id']}:**\n{json.dumps(page, indent=2)}\n" for page in FOUND
)
REASON = "I look. <|begin_search_query|> who wrote Emma <|end_search_query|>"
RESULT = DIALECT.render_results("Jane Austen wrote Emma.")
AGAIN = "Again. <|begin_search_query|> who wrote Emma <|end_search_query|>"
REPEATED = DIALECT.repeat_message("who wrote Emma")
CLOSING = "So it is.</think>\n\n\\boxed{Jane Austen}"
HISTORY = [REASON, RESULT, AGAIN, REPEATED, CLOSING]
OUTPUT = "".join(HISTORY)
TURN = {
    "item": {"id": 7, "Question": "Who wrote Emma?", "answer": ["Jane Austen", "Austen"]},
    "prompt": PROMPT + OUTPUT,
    "output": OUTPUT,
    "finished": True,
    "history": HISTORY,
    "search_count": 1,
    "all_info": [
        {"turn_1_reason": REASON},
        {"turn_1_search": PAGES},
        {"turn_1_webpage_analyses": "Jane Austen wrote Emma."},
        {"turn_2_reason": AGAIN},
        {"turn_2_search_limited": REPEATED},
        {"turn_3_reason": CLOSING},
    ],
}
RESULTED = {
    "id": 7,
    "Question": PROMPT,
    "answer": ["Jane Austen"],
    "Output": OUTPUT,
    "Pred_Answer": "Jane Austen",
    "Metrics": {"is_valid_answer": True, "acc": 1, "em": 1, "f1": 1.0, "math_equal": 0},
}
KINDS = [
    ("reason", 1),
    ("query", 1),
    ("result", 1),
    ("reason", 2),
    ("query", 2),
    ("notice", 2),
    ("reason", 3),
    ("answer", 3),
]


def write(path, records):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(records, indent=4, ensure_ascii=False), encoding="utf-8")
    return path


def test_a_turn_file_gives_whole_traces(tmp_path):
    path = write(tmp_path / "turn_3.json", [TURN])
    (trace,) = import_traces(path, "simple_deep_searcher")
    assert [(s.kind, s.turn) for s in trace.segments[1:]] == KINDS
    own = ("reason", "query", "answer")
    assert all(s.trainable == (s.kind in own) for s in trace.segments)
    (search,) = trace.searches
    assert [(d.title, d.text, d.url) for d in search.documents] == [
        ("Emma", "By Austen.", "http://e.test"),
        ("Jane", "An author.", "http://j.test"),
    ]
    assert (trace.question, trace.golds, trace.answer) == (
        "Who wrote Emma?",
        ["Jane Austen", "Austen"],
        "Jane Austen",
    )
    assert (trace.question_id, trace.stop_reason, trace.outcome["em"]) == (
        "7",
        "answered",
        1,
    )
    assert trace.segments[0].text == TASK
    assert json.dumps(original_record(trace)) == json.dumps(TURN)


@pytest.mark.parametrize(
    "changes",
    [
        {"history": []},
        {
            "finished": False,
            "output": REASON + RESULT,
            "prompt": PROMPT + REASON + RESULT,
            "history": [REASON, RESULT],
            "all_info": TURN["all_info"][:3],
        },
        {"prompt": "### User: who?\n### Assistant:" + OUTPUT},
        {"item": {"Question": "Who wrote Emma?", "answer": "Jane Austen"}},
        {"all_info": [{"turn_1_reason": "another text"}]},
        {"extra": {"a": [None]}},
    ],
)
def test_turn_records_come_back_whole(tmp_path, changes):
    record = {**TURN, **changes}
    path = write(tmp_path / "turn_9.json", [record])
    (trace,) = import_traces(path, "simple_deep_searcher")
    assert json.dumps(original_record(trace)) == json.dumps(record)
    assert trace.output_text == record["output"]


def test_an_unfinished_run_has_no_answer(tmp_path):
    cut = {
        **TURN,
        "finished": False,
        "output": REASON + RESULT,
        "history": [REASON, RESULT],
        "prompt": PROMPT + REASON + RESULT,
        "all_info": TURN["all_info"][:3],
    }
    path = write(tmp_path / "turn_1.json", [cut])
    (trace,) = import_traces(path, "simple_deep_searcher")
    assert (trace.answer, trace.stop_reason) == (None, "turn_limit")


def test_a_result_file_is_cut_at_its_tags(tmp_path):
    path = write(tmp_path / "test.11.21,8:4.json", [RESULTED])
    (trace,) = import_traces(path, "simple_deep_searcher")
    assert [(s.kind, s.turn) for s in trace.segments[1:]] == KINDS
    assert trace.question == "Who wrote Emma?"
    assert [search.query for search in trace.searches] == ["who wrote Emma"]
    assert json.dumps(original_record(trace)) == json.dumps(RESULTED)


def test_our_own_training_records_come_back(tmp_path):
    (trace,) = import_traces(
        write(tmp_path / "turn_3.json", [TURN]), "simple_deep_searcher"
    )
    write_traces(tmp_path / "traces.jsonl", [trace])
    export_traces(tmp_path / "traces.jsonl", "sds", tmp_path / "training.json")
    (again,) = import_traces(tmp_path / "training.json", "simple_deep_searcher")
    assert again.output_text == trace.output_text
    assert [(s.kind, s.text) for s in again.segments] == [
        (s.kind, s.text) for s in trace.segments
    ]
    assert [d.title for d in again.searches[0].documents] == ["Emma", "Jane"]
    (record,) = json.loads((tmp_path / "training.json").read_text())
    assert json.dumps(original_record(again)) == json.dumps(record)


def test_a_folder_of_rollouts_gives_each_ones_last_turn(tmp_path):
    for rollout in (0, 1):
        for turn in (2, 10):
            changed = {**TURN, "item": {**TURN["item"], "turn": turn}}
            write(tmp_path / f"rollout_{rollout}" / f"turn_{turn}.json", [changed])
    traces = list(import_traces(tmp_path, "simple_deep_searcher"))
    assert [trace.rollout for trace in traces] == [0, 1]
    assert {original_record(trace)["item"]["turn"] for trace in traces} == {10}
    assert len({trace.id for trace in traces}) == 2


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(ImportFileError, match=r"holds no turn_N\.json"):
        list(import_traces(tmp_path, "simple_deep_searcher"))
