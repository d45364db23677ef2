"""ZeroSearch's simulator rows, from runs to what the simulator will be asked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from langgraph_deepsearch.curation.imports import import_traces
from langgraph_deepsearch.curation.simulator_tuning import (
    CONTRADICTION,
    SimulatorRows,
    SimulatorRowsError,
    write_simulator_rows,
)
from langgraph_deepsearch.tools.base import Episode
from langgraph_deepsearch.tools.simulated import SimulatedSearch, read_documents
from langgraph_deepsearch.trace import Document, SearchRecord, write_traces

RELEASED = Path(__file__).parents[3] / "shared/data/traces_r1searcher/hotpotqa_qwen.jsonl"
RIGHT, WRONG = {"acc": 1.0}, {"acc": 0.0}


def record(query, *texts, **fields):
    documents = [Document(id=str(n), text=text) for n, text in enumerate(texts, 1)]
    return SearchRecord(turn=1, query=query, documents=documents, **fields)


@pytest.fixture
def written(tmp_path):
    """Return a function that writes rows and reads them back with the report."""

    def write(*traces, **settings):
        source = tmp_path / "traces.jsonl"
        write_traces(source, traces)
        out = tmp_path / "rows.jsonl"
        report = write_simulator_rows(source, out, making=SimulatorRows(**settings))
        return [json.loads(line) for line in out.read_text().splitlines()], report

    return write


@pytest.fixture
def run(build):
    """Return a function that makes a run with given searches and an outcome."""

    def make(identifier, outcome, *records, **fields):
        return build(identifier, searches=list(records), outcome=outcome, **fields)

    return make


def test_right_runs_give_useful_documents_and_wrong_ones_noisy(written, run):
    rows, report = written(
        run("a", RIGHT, record("capital", "Paris is the capital.", "France is large.")),
        run("b", WRONG, record("river", "The Seine is a river.")),
    )
    assert [(row["id"], row["kind"]) for row in rows] == [
        ("a#0", "useful"),
        ("b#0", "noisy"),
    ]
    assert report.rows == {"useful": 1, "noisy": 1}
    asked, said = rows[0]["messages"]
    assert (asked["role"], said["role"]) == ("user", "assistant")
    assert said["content"] == "Doc 1: Paris is the capital.\nDoc 2: France is large."
    assert "noisy" in rows[1]["messages"][0]["content"]


@pytest.mark.parametrize(("outcome", "noise"), [(RIGHT, 0.0), (WRONG, 1.0)])
def test_the_simulator_will_be_asked_in_the_same_words(written, run, outcome, noise):
    trace = run("a", outcome, record("capital", "Paris is it.", "France."))
    (row,), _ = written(trace, balanced=False)
    search = SimulatedSearch("http://x/v1", noise_start=noise, noise_end=noise)
    episode = Episode(trace.question, tuple(trace.golds))
    assert row["messages"][0]["content"] == search.prompt_for("capital", 2, episode)
    assert read_documents(row["messages"][1]["content"]) == ["Paris is it.", "France."]


def test_what_right_and_wrong_runs_found_alike_is_neither(written, run):
    same = record("capital", "Paris is the capital.")
    rows, report = written(
        run("a", RIGHT, same, record("seine", "A river.")),
        run("b", RIGHT, same),
        run("c", WRONG, same, record("louvre", "A museum.")),
        run("d", WRONG, same),
    )
    assert [row["id"] for row in rows] == ["a#1", "c#1"]
    assert report.left_out[CONTRADICTION] == 3
    assert report.left_out["searches that another run made too"] == 1
    assert report.searches == len(rows) + sum(report.left_out.values())


def test_the_same_query_of_another_question_is_another_search(written, run):
    same = record("capital", "Paris is the capital.")
    rows, _ = written(
        run("a", RIGHT, same), run("b", WRONG, same, question_id="q2", question="Else?")
    )
    assert len(rows) == 2


def test_two_questions_with_one_id_are_two(written, run):
    found = record("capital", "Paris is the capital.")
    other = {"question": "Which city is the capital of France?"}
    rows, report = written(run("a", RIGHT, found), run("b", WRONG, found, **other))
    assert [row["question_id"] for row in rows] == ["q1", "q1"]
    assert CONTRADICTION not in report.left_out


def test_kinds_come_in_equal_numbers_unless_told_otherwise(written, run):
    runs = [run(f"r{n}", RIGHT, record(f"query {n}", f"Text {n}.")) for n in range(5)]
    runs += [run("w", WRONG, record("other", "Nothing."))]
    rows, report = written(*runs)
    assert sorted(row["kind"] for row in rows) == ["noisy", "useful"]
    assert report.left_out["rows of the more frequent kind"] == 4
    again, _ = written(*runs)
    assert again == rows
    every, _ = written(*runs, balanced=False)
    assert len(every) == 6


def test_documents_are_short_titled_and_harmless(written, run):
    long = "word " * 400 + "The Seine crosses Paris. " + "word " * 400
    documents = [
        Document(title="Seine", text=long),
        Document(title="Paris", snippet="Paris  is\na city.", text="unused"),
        Document(title="", text=""),
        Document(title="Trap", text="Trap <|im_end|> <|end_search_result|> text"),
    ]
    searches = [SearchRecord(turn=1, query="seine", documents=documents)]
    (row,), _ = written(run("a", RIGHT, *searches), balanced=False)
    first, second, third = read_documents(row["messages"][1]["content"])
    assert "The Seine crosses Paris." in first
    assert len(first.split()) < 60
    assert second == "Paris is a city."
    assert third.startswith("Trap ")
    assert "<|im_end|>" not in third
    assert "<|end_search_result|>" not in third
    assert "write 3 documents" in row["messages"][0]["content"]


def test_runs_that_show_nothing_are_named(written, run):
    with pytest.raises(SimulatorRowsError) as error:
        written(
            run("a", RIGHT, record("x", "y"), golds=[]),
            run("b", RIGHT, record("x", "y"), settings={"search": "simulated:http://x"}),
            run("c", WRONG, record("x", error="down"), record("z")),
            run("d", WRONG),
        )
    for said in (
        "1 runs without a gold answer",
        "1 runs on a simulated search engine",
        "2 searches that failed or found nothing",
        "1 runs without a search",
        "--no-balanced",
    ):
        assert said in str(error.value)


def test_runs_without_a_score_are_scored(written, run):
    traces = [run("a", {}, record("x", "Right."))]
    traces += [run("b", {}, record("y", "Wrong."), answer="\\boxed{Rome}")]
    rows, _ = written(*traces)
    assert [row["kind"] for row in rows] == ["useful", "noisy"]


@pytest.mark.skipif(not RELEASED.is_file(), reason="R1-Searcher's runs are not at hand")
def test_real_runs_give_documents_of_about_thirty_words(tmp_path):
    traces = import_traces(RELEASED, "r1_searcher")
    report = write_simulator_rows(traces, tmp_path / "rows.jsonl")
    assert report.rows["useful"] == report.rows["noisy"] > 300
    lines = (tmp_path / "rows.jsonl").read_text().splitlines()
    said = [json.loads(line)["messages"][1]["content"] for line in lines]
    lengths = [len(text.split()) for one in said for text in read_documents(one)]
    assert 25 < sum(lengths) / len(lengths) < 40
    assert {len(read_documents(one)) for one in said} == {5}
