"""Exports: other trainers' formats, from real files."""

from __future__ import annotations

import json
import warnings

import pytest

from langgraph_deepsearch.curation.exports import (
    UnknownFormatError,
    export_traces,
    to_messages,
)
from langgraph_deepsearch.trace import Trace, TraceFileError, write_traces

pytestmark = pytest.mark.filterwarnings("ignore:in . of . traces search results stand")


@pytest.fixture
def traces(build, tmp_path):
    runs = [
        build("one", queries=("a", "b"), outcome={"em": 1.0, "f1": 1.0, "acc": 1.0}),
        build("two", outcome={"em": 1.0, "f1": 1.0, "acc": 1.0}, token_ids=True),
        build("wrong", queries=(), outcome={"em": 0.0, "f1": 0.0, "acc": 0.0}),
    ]
    write_traces(tmp_path / "traces.jsonl", runs)
    return runs


def test_openai_keeps_the_whole_run(traces, tmp_path):
    assert export_traces(tmp_path, "openai", tmp_path / "o.jsonl") == 3
    records = [json.loads(line) for line in (tmp_path / "o.jsonl").open()]
    for trace, record in zip(traces, records, strict=True):
        assert record["messages"] == [
            {"role": "user", "content": "Question?"},
            {"role": "assistant", "content": trace.output_text},
        ]


def test_sharegpt_names_its_speakers(traces, tmp_path):
    export_traces(tmp_path, "sharegpt", tmp_path / "s.jsonl")
    first = json.loads((tmp_path / "s.jsonl").read_text().splitlines()[0])
    assert first["id"] == "one"
    assert [turn["from"] for turn in first["conversations"]] == ["human", "gpt"]
    assert first["conversations"][1]["value"] == traces[0].output_text


def test_fewest_searches_are_counted_by_question_and_not_by_id(build, tmp_path):
    right = {"outcome": {"acc": 1.0}}
    other = {"question": "What is the capital of Italy?"}
    runs = [build("a", queries="xyz", **right), build("b", queries="x", **right, **other)]
    write_traces(tmp_path / "traces.jsonl", runs)
    export_traces(tmp_path, "sds", tmp_path / "r.json")
    records = json.loads((tmp_path / "r.json").read_text())
    assert [record["min_search"] for record in records] == [3, 1]


def test_turn_dialects_give_a_message_a_turn(build, dialect, monkeypatch):
    trace = build()
    monkeypatch.setattr(type(dialect), "layout", "turns")
    messages = to_messages(trace)
    assert [m["role"] for m in messages] == ["user", "assistant", "tool", "assistant"]
    assert "".join(m["content"] for m in messages[1:]) == trace.output_text


def test_reference_records_join_to_the_output(traces, tmp_path):
    export_traces(tmp_path, "sds", tmp_path / "r.json")
    records = json.loads((tmp_path / "r.json").read_text())
    assert len(records) == 3
    for trace, record in zip(traces, records, strict=True):
        parts = [next(iter(part.items())) for part in record["output"]]
        joined = "".join(text for key, text in parts if key in ("gen", "doc_gen"))
        assert joined == record["output_text"] == trace.output_text
        written = "".join(text for key, text in parts if key == "gen")
        assert written == "".join(s.text for s in trace.segments if s.trainable)
        assert record["min_search"] == 0 or record["min_search"] == 1
    first = records[0]
    assert [next(iter(part)) for part in first["output"]] == [
        *("gen", "search_query", "doc", "doc_gen") * 2,
        "gen",
    ]
    assert first["output"][1] == {"search_query": "a"}
    assert first["search_count"] == 2
    assert first["metric"]["em"] == 1


def test_parquet_loads_with_datasets_and_loses_nothing(traces, tmp_path):
    datasets = pytest.importorskip(
        "datasets", reason="Parquet exports are read with datasets"
    )
    export_traces(tmp_path, "parquet", tmp_path / "t.parquet")
    loaded = datasets.load_dataset(
        "parquet",
        data_files=str(tmp_path / "t.parquet"),
        split="train",
        cache_dir=str(tmp_path / "cache"),
    )
    assert loaded["id"][:] == ["one", "two", "wrong"]
    assert [Trace.model_validate_json(row["trace"]) for row in loaded] == traces
    assert loaded[1]["segments"][1]["token_ids"] == [1, 2, 3]
    assert loaded[0]["outcome"]["em"] == 1
    assert loaded[0]["messages"][-1]["content"] == traces[0].output_text


def test_a_failed_export_leaves_the_old_file(traces, tmp_path):
    target = tmp_path / "o.jsonl"
    export_traces(tmp_path, "openai", target)
    before = target.read_bytes()
    with (tmp_path / "traces.jsonl").open("a") as lines:
        lines.write("nonsense\n")
    with pytest.raises(TraceFileError, match=r"traces\.jsonl:4"):
        export_traces(tmp_path, "openai", target)
    with pytest.raises(UnknownFormatError, match="openai, sharegpt, parquet, sds, roles"):
        export_traces(tmp_path, "csv", target)
    assert target.read_bytes() == before
    assert not list(tmp_path.glob(".*partial"))


@pytest.mark.parametrize("form", ["openai", "sharegpt"])
def test_results_inside_the_assistants_message_are_warned_of(form, traces, tmp_path):
    words = "in 2 of 3 traces search results stand inside the assistant's message"
    with pytest.warns(RuntimeWarning, match=words) as told:
        export_traces(tmp_path, form, tmp_path / "out")
    assert len(told) == 1
    assert "\n" not in str(told[0].message)


@pytest.mark.parametrize("form", ["openai", "sharegpt", "parquet", "sds"])
def test_formats_and_dialects_that_keep_results_apart_are_not_warned_of(
    form, traces, tmp_path, dialect, monkeypatch
):
    if form == "parquet":
        pytest.importorskip("pyarrow", reason="Parquet is written with pyarrow")
    if form in ("openai", "sharegpt"):
        monkeypatch.setattr(type(dialect), "layout", "turns")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert export_traces(tmp_path, form, tmp_path / "out") == 3


def test_nothing_to_export_is_said(tmp_path):
    (tmp_path / "traces.jsonl").touch()
    with pytest.raises(TraceFileError, match="holds no traces"):
        export_traces(tmp_path, "openai", tmp_path / "o.jsonl")


def test_traces_are_never_replaced(traces, tmp_path):
    held = (tmp_path / "traces.jsonl").read_bytes()
    write_traces(tmp_path / "others.jsonl", traces[:1])
    for out in ("traces.jsonl", "others.jsonl"):
        with pytest.raises(TraceFileError, match="holds traces, which an export would"):
            export_traces(tmp_path, "openai", tmp_path / out)
    assert (tmp_path / "traces.jsonl").read_bytes() == held


@pytest.mark.parametrize("form", ["openai", "sharegpt", "sds"])
def test_an_earlier_export_is_replaced(form, traces, tmp_path):
    out = tmp_path / "export"
    for _ in range(2):
        assert export_traces(tmp_path, form, out) == 3
