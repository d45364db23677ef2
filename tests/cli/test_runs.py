"""ask, rollout and evaluate against a model server and a corpus."""

from __future__ import annotations

import json

import pytest

from langgraph_deepsearch.trace import read_traces

CORPUS = ("--search", "corpus:corpus.jsonl", "--condenser", "extractive")


@pytest.fixture
def settings(searching, files):
    return ("--base-url", searching.base_url, *CORPUS)


def test_ask_shows_the_run_and_prints_answer_and_sources(deepsearch, settings):
    done = deepsearch("ask", "What is the capital of Peru?", *settings)
    assert done.code == 0
    assert done.out.splitlines()[0] == "Lima"
    assert "[1] Peru" in done.out
    assert "searching: capital of Peru" in done.err
    assert done.err.count("Lima") == 1  # the finished answer is not shown as tokens again


def test_ask_as_json(deepsearch, settings):
    done = deepsearch("ask", "What is the capital of Peru?", *settings, "--json")
    result = json.loads(done.out)
    assert (result["answer"], result["stop_reason"]) == ("Lima", "answered")
    assert result["failed_searches"] == 0
    assert done.err == ""


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_ask_without_an_answer_fails(deepsearch, settings, fake_server, form):
    fake_server.script(lambda _: "I do not know.")
    done = deepsearch("ask", "Who?", *settings, *form)
    assert done.code == 1
    assert "gave no answer" in done.complaint


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_an_answer_that_rests_on_no_search_says_so(deepsearch, searching, form):
    down = ("--search", "http://127.0.0.1:9/retrieve")
    done = deepsearch("ask", "Who?", "--base-url", searching.base_url, *down, *form)
    assert done.code == 1
    assert "Lima" in done.out
    assert "search failed: the retriever cannot be reached" in done.err
    assert "rests on no search" in done.complaint


def test_rollouts_go_on_where_they_stopped(deepsearch, settings):
    rollout = ("rollout", "questions.jsonl", "--out", "run", "--rollouts", 2, *settings)
    first = deepsearch(*rollout, "--limit", 1)
    assert "2 of 2 rollouts" in first.out
    second = json.loads(deepsearch(*rollout, "--json").out)
    assert (second["finished"], second["total"], second["searches"]) == (4, 4, 2)
    ids = sorted(trace.id for trace in read_traces("run"))
    assert ids == ["a/0", "a/1", "b/0", "b/1"]


def test_a_server_may_listen_elsewhere_when_rollouts_go_on(
    deepsearch, settings, searching, monkeypatch
):
    rollout = ("rollout", "questions.jsonl", "--out", "run", "--rollouts", 1)
    assert deepsearch(*rollout, *settings).code == 0
    elsewhere = searching.base_url.replace("127.0.0.1", "localhost")
    assert deepsearch(*rollout, "--base-url", elsewhere, *CORPUS).code == 0


def test_other_settings_are_refused_in_a_directory_that_has_begun(deepsearch, settings):
    rollout = ("rollout", "questions.jsonl", "--out", "run", "--rollouts", 1, *settings)
    assert deepsearch(*rollout).code == 0
    done = deepsearch(*rollout, "--set", "max_searches=2")
    assert done.code == 1
    assert "was started with max_searches=None" in done.complaint


def test_a_plan_runs_nothing(deepsearch, settings, searching):
    done = deepsearch("rollout", "questions.jsonl", "--out", "run", *settings, "--plan")
    assert done.code == 0
    assert "20 rollouts" in done.out
    assert not searching.requests


def test_rollouts_are_not_finished_while_the_search_is_down(deepsearch, searching, files):
    down = ("--search", "http://127.0.0.1:9/retrieve", "--condenser", "extractive")
    server = ("--base-url", searching.base_url)
    rollout = ("rollout", "questions.jsonl", "--out", "run", "--rollouts", 1, *server)
    done = deepsearch(*rollout, *down)
    assert done.code == 1
    assert "2 rollouts failed" in done.complaint
    assert "the retriever cannot be reached" in done.complaint
    assert not (files / "run/traces.jsonl").exists()
    assert len((files / "run/failures.jsonl").read_text().splitlines()) == 2


def test_evaluate_scores_and_records_the_engine(deepsearch, settings, files):
    evaluate = ("evaluate", "questions.jsonl", "--out", "run", *settings, "--json")
    summary = json.loads(deepsearch(*evaluate).out)
    assert (summary["em"], summary["n"], summary["engine"]) == (1.0, 2, "vllm")
    recorded = json.loads((files / "run/evaluation.json").read_text())
    assert recorded["result"]["engine"] == "vllm"
    assert (files / "run/report.html").is_file()
