"""Trace files survive crashes and tell what is wrong with them."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_deepsearch.trace import (
    Segment,
    Trace,
    TraceFileError,
    append_trace,
    read_traces,
    write_traces,
)


def make_trace(identifier: str = "q/0", text: str = "thinking") -> Trace:
    return Trace(
        id=identifier,
        question="Who?",
        segments=[
            Segment(kind="prompt", speaker="user", text="Who?"),
            Segment(kind="reason", speaker="assistant", text=text, trainable=True, turn=1),
        ],
        stop_reason="answered",
        dialect="simple_deep_searcher",
    )


@given(st.text())
def test_a_trace_survives_its_file(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("traces") / "traces.jsonl"
    trace = make_trace(text=text)
    append_trace(path, trace)
    assert list(read_traces(path)) == [trace]


def test_a_byte_order_mark_is_read_over(tmp_path):
    path = tmp_path / "traces.jsonl"
    append_trace(path, make_trace("a"))
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    append_trace(path, make_trace("b"))
    assert [t.id for t in read_traces(path)] == ["a", "b"]


def test_a_torn_last_line_is_cut_before_the_next_append(tmp_path):
    path = tmp_path / "traces.jsonl"
    append_trace(path, make_trace("a"))
    whole = path.read_bytes()
    path.write_bytes(whole + whole[: len(whole) // 2])
    with pytest.warns(RuntimeWarning, match=r"last line of .*traces\.jsonl breaks off"):
        assert [t.id for t in read_traces(path)] == ["a"]
    append_trace(path, make_trace("b"))
    assert [t.id for t in read_traces(path)] == ["a", "b"]


def test_a_last_line_that_lacks_its_newline_alone_counts_and_gets_it(tmp_path):
    path = tmp_path / "traces.jsonl"
    for name in "ab":
        append_trace(path, make_trace(name))
    path.write_bytes(path.read_bytes().rstrip(b"\n"))
    assert [t.id for t in read_traces(path)] == ["a", "b"]
    append_trace(path, make_trace("c"))
    assert [t.id for t in read_traces(path)] == ["a", "b", "c"]
    path.write_bytes(path.read_bytes() + b"  ")
    assert [t.id for t in read_traces(path)] == ["a", "b", "c"]


@given(st.integers(min_value=0))
def test_no_beginning_of_a_line_is_taken_for_a_trace(tmp_path_factory, length):
    path = tmp_path_factory.mktemp("traces") / "traces.jsonl"
    whole = make_trace("a", text='}{ "').model_dump_json().encode()
    path.write_bytes(whole[: length % len(whole)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert not list(read_traces(path))
    append_trace(path, make_trace("b"))
    assert [t.id for t in read_traces(path)] == ["b"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"version": "1"}', 'version must be a whole number such as 1, not "1"'),
        ('{"version": null}', "version must be a whole number such as 1, not null"),
        ("null", "it is no JSON object but null"),
        ('["a", 1]', 'it is no JSON object but ["a", 1]'),
        ('{"id": 1}', "id: Input should be a valid string"),
    ],
)
def test_a_line_that_is_no_trace_is_told_in_words(tmp_path, line, reason):
    path = tmp_path / "traces.jsonl"
    path.write_text(f"{line}\n")
    with pytest.raises(TraceFileError) as told:
        list(read_traces(path))
    assert f"traces.jsonl:1: not a trace ({reason}); remove or repair" in str(told.value)


def test_a_file_that_is_only_a_torn_line_starts_afresh(tmp_path):
    path = tmp_path / "traces.jsonl"
    path.write_bytes(b'{"id": "x", "quest')
    append_trace(path, make_trace("b"))
    assert [t.id for t in read_traces(path)] == ["b"]


APPENDING = """
import sys
from langgraph_deepsearch.trace import Segment, Trace, append_trace
path, name = sys.argv[1:]
thought = Segment(kind="reason", speaker="assistant", text="x" * 20_000, trainable=True)
for number in range(50):
    trace = Trace(
        id=f"{name}{number}",
        question="Who?",
        segments=[thought],
        stop_reason="answered",
        dialect="search_o1",
    )
    append_trace(path, trace)
"""
"""A program of its own: what multiprocessing spawns imports the tests by their folder's name,
which works in one working directory alone."""


def test_several_processes_may_append_to_one_file(tmp_path):
    path = tmp_path / "traces.jsonl"
    command = [sys.executable, "-c", APPENDING, str(path)]
    workers = [subprocess.Popen([*command, name], cwd=tmp_path) for name in "ab"]
    assert [worker.wait(120) for worker in workers] == [0, 0]
    assert len({t.id for t in read_traces(path)}) == 100


def test_a_malformed_line_is_named(tmp_path):
    path = tmp_path / "traces.jsonl"
    append_trace(path, make_trace("a"))
    with path.open("a") as file:
        file.write("not json\n")
    with pytest.raises(TraceFileError, match=r"traces\.jsonl:2: not a trace"):
        list(read_traces(path))


def test_a_newer_version_is_refused(tmp_path):
    path = tmp_path / "traces.jsonl"
    data = json.loads(make_trace().model_dump_json())
    path.write_text(json.dumps({**data, "version": 99}) + "\n")
    with pytest.raises(TraceFileError, match="version 99 is newer"):
        list(read_traces(path))


def test_a_missing_file_says_what_to_do(tmp_path):
    with pytest.raises(TraceFileError, match="deepsearch rollout"):
        list(read_traces(tmp_path / "none.jsonl"))


def test_writing_replaces_the_file_in_one_step(tmp_path):
    path = tmp_path / "traces.jsonl"
    write_traces(path, [make_trace("a")])

    def broken():
        yield make_trace("b")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_traces(path, broken())
    assert [t.id for t in read_traces(path)] == ["a"]


def test_turns_group_segments_after_the_prompt():
    trace = make_trace()
    assert [[s.kind for s in turn] for turn in trace.turns()] == [["reason"]]
    assert trace.output_text == "thinking"
    assert trace.prompt_messages == [{"role": "user", "content": "Who?"}]
