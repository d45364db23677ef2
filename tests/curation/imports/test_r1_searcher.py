"""R1-Searcher's rollouts: read whole, given back whole, scored as it scores them."""

from __future__ import annotations

import json

import pytest

from langgraph_deepsearch.curation.imports import (
    ImportFileError,
    UnknownSourceError,
    import_traces,
    original_record,
)
from langgraph_deepsearch.evals.metrics import score
from langgraph_deepsearch.tools.contracts import read_line
from langgraph_deepsearch.trace import parse_trace, read_traces, write_traces

TEXT = (
    " I look it up. <|begin_of_query|> who wrote Emma <|end_of_query|>\n\n"
    '<|begin_of_documents|>\n(1)Title: Emma Text:  A novel.\n(2)"Title: ""E"" Text:  (3) x."\n'
    "<|end_of_documents|>\n\nIt says so.</think>\n\n<answer> Jane Austen </answer>"
)
RECORD = {
    "question": "Who wrote Emma?",
    "answer": "Jane Austen",
    "pred_ans": " Jane Austen ",
    "stop_reason_final": "finished",
    "gen_text_store": TEXT,
    "gpt4o_output": "True",
}


@pytest.fixture
def imported(tmp_path):
    def read(*records):
        path = tmp_path / "rollouts.jsonl"
        path.write_text("".join(json.dumps(r) + "\n" for r in records), encoding="utf-8")
        return list(import_traces(path, "r1_searcher"))

    return read


def test_a_rollout_becomes_turns_with_their_documents(imported):
    (trace,) = imported(RECORD)
    assert [
        (s.kind, s.trainable, s.turn) for s in trace.segments if s.kind != "prompt"
    ] == [
        ("reason", True, 1),
        ("query", True, 1),
        ("result", False, 1),
        ("reason", True, 2),
        ("answer", True, 2),
    ]
    (search,) = trace.searches
    assert search.query == "who wrote Emma"
    assert [(d.title, d.text, d.id) for d in search.documents] == [
        ("Emma", "A novel.", "1"),
        ('"E"', "(3) x.", "2"),
    ]
    assert trace.answer == "Jane Austen"
    assert trace.outcome == {"em": 1.0, "f1": 1.0, "acc": 1.0, "judge": 1.0}
    assert trace.output_text == TEXT


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"gpt4o_output": "maybe", "extra": [1, {"a": None}]},
        {
            "gen_text_store": "it never searched and never answered",
            "pred_ans": "I don't know.",
        },
        {"gen_text_store": TEXT.replace("<|begin_of_query|>", ""), "answer": ["a", "b"]},
        {"gen_text_store": ""},
    ],
)
def test_records_come_back_whole(imported, changes):
    record = {**RECORD, **changes}
    (trace,) = imported(record)
    assert json.dumps(original_record(trace)) == json.dumps(record)


def test_a_trace_file_keeps_the_record(imported, tmp_path):
    write_traces(tmp_path / "traces.jsonl", imported(RECORD))
    (trace,) = read_traces(tmp_path / "traces.jsonl")
    assert original_record(trace) == RECORD


@pytest.mark.parametrize(
    "line", ['Title: A Text:  b "c', '"Title: A Text:  b', "", '"', "None"]
)
def test_a_passage_of_another_form_is_all_text(line):
    document = read_line(line)
    assert line in (document.text, f"Title: {document.title} Text:  {document.text}")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{}", "1: not a r1_searcher record (lacks 'question'); check --from"),
        ("[3]", "1: not a r1_searcher record: a JSON object is expected"),
        ("{", "1: not valid JSON"),
        ("\n", "holds no records"),
    ],
)
def test_a_bad_file_is_refused_in_one_line(tmp_path, text, complaint):
    path = tmp_path / "bad.jsonl"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ImportFileError) as caught:
        list(import_traces(path, "r1_searcher"))
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_in_another_encoding_is_refused_in_one_line(tmp_path):
    path = tmp_path / "bad.jsonl"
    path.write_bytes('{"question": "Où?"}\n'.encode("latin-1"))
    with pytest.raises(ImportFileError, match="not UTF-8 text") as caught:
        list(import_traces(path, "r1_searcher"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("source", ["web_dancer", "o2_searcher"])
@pytest.mark.parametrize("roles", [["system", "user"], [], ["assistant", "user"]])
def test_a_chat_without_a_question_and_a_reply_is_refused(tmp_path, source, roles):
    path = tmp_path / "bad.jsonl"
    messages = [{"role": role, "content": "Who?"} for role in roles]
    path.write_text(json.dumps({"messages": messages}) + "\n", encoding="utf-8")
    with pytest.raises(ImportFileError, match=r"1: not a .* no question followed by"):
        list(import_traces(path, source))


def test_half_a_character_is_replaced(tmp_path):
    path = tmp_path / "cut.jsonl"
    record = {**RECORD, "gen_text_store": TEXT + "\ud83d", "pred_ans": "\ud83d"}
    path.write_text(json.dumps(record) + "\n", encoding="utf-8")
    write_traces(tmp_path / "traces.jsonl", import_traces(path, "r1_searcher"))
    (trace,) = read_traces(tmp_path / "traces.jsonl")
    assert trace.output_text == TEXT + "\ufffd"


def test_an_unknown_source_is_refused_at_once(tmp_path):
    with pytest.raises(UnknownSourceError, match=r"known: .*r1_searcher"):
        import_traces(tmp_path, "nobody")


@pytest.mark.parametrize(
    ("name", "correct", "searches", "squad", "spaced"),
    [
        ("hotpotqa_qwen", 375, 1055, (0.576, 0.713), (0.580, 0.719)),
        ("hotpotqa_llama", 373, 1399, (0.582, 0.700), (0.584, 0.706)),
    ],
)
def test_real_rollouts_give_their_bytes_and_figures(
    shared, name, correct, searches, squad, spaced
):
    path = shared(f"traces_r1searcher/{name}.jsonl")
    traces = list(import_traces(path, "r1_searcher"))
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [json.dumps(original_record(trace)) for trace in traces] == lines
    assert not any(trace.metadata["import"]["rest"] for trace in traces)
    assert sum(len(trace.searches) for trace in traces) == searches
    assert all(len(s.documents) == 5 for trace in traces for s in trace.searches)
    assert sum(trace.outcome["judge"] for trace in traces) == correct
    for normalization, figures in (("squad", squad), ("punctuation_to_space", spaced)):
        scores = [score(t.answer, t.golds, normalization) for t in traces]
        means = [sum(getattr(s, m) for s in scores) / len(scores) for m in ("em", "f1")]
        assert tuple(round(mean, 3) for mean in means) == figures


def test_real_rollouts_survive_a_trace_file(shared, tmp_path):
    path = shared("traces_r1searcher/hotpotqa_qwen.jsonl")
    for trace in import_traces(path, "r1_searcher"):
        again = parse_trace(trace.model_dump_json().encode(), tmp_path, 1)
        assert again == trace
