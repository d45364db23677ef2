"""`deepsearch rerender`, as a user runs it."""

from __future__ import annotations

from pathlib import Path

import pytest

from langgraph_deepsearch.nodes.dialects import get_dialect
from langgraph_deepsearch.trace import (
    Document,
    SearchRecord,
    Segment,
    Trace,
    read_traces,
    write_traces,
)

SDS = get_dialect("simple_deep_searcher")


def trace(number, result):
    def written(kind, text, turn):
        return Segment(kind=kind, speaker="assistant", text=text, trainable=True, turn=turn)

    return Trace(
        id=f"t{number}",
        question="Capital of Peru?",
        segments=[
            Segment(kind="prompt", speaker="user", text="Capital of Peru?"),
            written("query", SDS.format_query("Peru"), 1),
            Segment(kind="result", speaker="tool", text=result, turn=1),
            written("answer", "\\boxed{Lima}", 2),
        ],
        searches=[SearchRecord(turn=1, query="Peru", documents=[Document(title="Peru")])],
        answer="Lima",
        stop_reason="answered",
        dialect="simple_deep_searcher",
    )


def test_traces_are_written_in_the_other_dialect(deepsearch, tmp_path):
    source, out = tmp_path / "traces.jsonl", tmp_path / "again.jsonl"
    write_traces(source, [trace(1, SDS.render_results("Lima it is.")), trace(2, "odd")])
    done = deepsearch("rerender", source, "--dialect", "search_r1", "--out", out)
    assert done.code == 0
    assert "1 traces in" in done.out
    assert "left out: trace t2" in done.err
    (again,) = read_traces(out)
    assert again.output_text == (
        "<search> Peru </search>\n\n<information>Lima it is.</information>\n\n"
        "<answer> Lima </answer>"
    )


def test_nothing_written_is_an_error_and_keeps_the_earlier_file(deepsearch, tmp_path):
    source, out = tmp_path / "traces.jsonl", tmp_path / "again.jsonl"
    write_traces(source, [trace(2, "odd")])
    out.write_text("earlier")
    done = deepsearch("rerender", source, "--dialect", "search_r1", "--out", out)
    assert done.code == 1
    assert "no trace of" in done.complaint
    assert "left out: trace t2" in done.err
    assert out.read_text() == "earlier"


@pytest.mark.parametrize(
    ("file", "dialect", "words"),
    [
        ("absent.jsonl", "search_r1", "no trace file at absent.jsonl"),
        ("malformed.jsonl", "search_r1", "malformed.jsonl:1: not a trace"),
        ("half.jsonl", "search_r1", "half.jsonl:2: not a trace"),
        ("empty.jsonl", "search_r1", "no traces in empty.jsonl"),
        ("good.jsonl", "klingon", "unknown dialect 'klingon'"),
        ("good.jsonl", "web_dancer", "name an inline one"),
        ("good.jsonl", "know_agent", "'know_agent' is for imported traces alone"),
        ("good.jsonl", "web_thinker_report", "answers no questions"),
    ],
)
def test_bad_input_is_one_line_and_keeps_the_earlier_file(
    deepsearch, files, file, dialect, words
):
    write_traces(files / "good.jsonl", [trace(1, SDS.render_results("Lima it is."))])
    good = (files / "good.jsonl").read_text()
    (files / "half.jsonl").write_text(good + '{"id": 1}\n')
    (files / "again.jsonl").write_text("earlier")
    done = deepsearch("rerender", file, "--dialect", dialect, "--out", "again.jsonl")
    assert done.code == 1
    assert words in done.complaint
    assert (files / "again.jsonl").read_text() == "earlier"


EXAMPLE = Path(__file__).parents[2] / "examples" / "dialects" / "question_mark.py"


def test_a_dialect_file_serves_from_any_folder(deepsearch, tmp_path, monkeypatch):
    source = tmp_path / "traces.jsonl"
    write_traces(source, [trace(1, SDS.render_results("Lima it is."))])
    (tmp_path / "sign.py").write_text(EXAMPLE.read_text("utf-8"), encoding="utf-8")
    out = tmp_path / "signs.jsonl"
    assert deepsearch("rerender", source, "--dialect", "sign.py", "--out", out).code == 0
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert deepsearch("export", out, "--out", "rows.jsonl").code == 0
    assert deepsearch("rerender", out, "--dialect", "search_r1", "--out", "b").code == 0
    (again,) = read_traces("b")
    assert again.answer == "Lima"


@pytest.mark.parametrize("verb", ["rerender", "export", "curate"])
def test_a_trace_whose_dialect_file_is_gone_is_named(deepsearch, tmp_path, verb):
    gone = trace(1, "x").model_copy(update={"dialect": "gone.py", "outcome": {"em": 1.0}})
    write_traces(tmp_path / "traces.jsonl", [gone])
    options = ("--dialect", "search_r1") if verb == "rerender" else ()
    done = deepsearch(verb, "traces.jsonl", *options, "--out", "new")
    assert done.code == 1
    assert "trace t1 is in the dialect of the file gone.py, which is not" in done.complaint
    assert "run this in the folder where gone.py lies, or put it into" in done.complaint


@pytest.fixture
def source(tmp_path):
    """A run directory with a trace that can be said in another dialect, and one that cannot."""
    file = tmp_path / "run" / "traces.jsonl"
    write_traces(file, [trace(1, SDS.render_results("Lima it is.")), trace(2, "odd")])
    return file


@pytest.mark.parametrize("traces", ["run", "run/traces.jsonl"])
@pytest.mark.parametrize(
    "out", ["run/traces.jsonl", "run/../run/traces.jsonl", "link.jsonl"]
)
def test_the_source_is_never_replaced(deepsearch, tmp_path, source, traces, out):
    (tmp_path / "link.jsonl").symlink_to(source)
    before = source.read_bytes()
    done = deepsearch("rerender", traces, "--dialect", "search_r1", "--out", out)
    assert done.code == 1
    assert f"{out} is read here and would be replaced: name another --out" in done.complaint
    assert source.read_bytes() == before


@pytest.mark.parametrize("dialect", ["simple_deep_searcher", "search_r1"])
def test_other_traces_are_not_replaced(deepsearch, tmp_path, source, dialect):
    other = trace(3, SDS.render_results("Elsewhere."))
    write_traces(tmp_path / "other.jsonl", [other.model_copy(update={"dialect": dialect})])
    before = (tmp_path / "other.jsonl").read_bytes()
    done = deepsearch("rerender", source, "--dialect", "search_r1", "--out", "other.jsonl")
    assert done.code == 1
    assert "other.jsonl holds traces that are not those of" in done.complaint
    assert (tmp_path / "other.jsonl").read_bytes() == before


def test_originals_are_not_replaced_by_their_way_back(deepsearch, tmp_path, source):
    """A rerender of a rerender has the originals' ids and dialect, and not their words."""
    deepsearch("rerender", source, "--dialect", "search_r1", "--out", "there.jsonl")
    before = source.read_bytes()
    back = ("--dialect", "simple_deep_searcher", "--out", source)
    done = deepsearch("rerender", "there.jsonl", *back)
    assert done.code == 1
    assert source.read_bytes() == before


def test_the_same_command_may_be_typed_again(deepsearch, tmp_path, source):
    command = ("rerender", "run", "--dialect", "search_r1", "--out", "again.jsonl")
    assert deepsearch(*command).code == 0
    first = (tmp_path / "again.jsonl").read_bytes()
    assert deepsearch(*command).code == 0
    assert (tmp_path / "again.jsonl").read_bytes() == first
    write_traces(source, [*read_traces(source), trace(3, SDS.render_results("Yes."))])
    assert deepsearch(*command).code == 0
    assert [one.id for one in read_traces(tmp_path / "again.jsonl")] == ["t1", "t3"]
