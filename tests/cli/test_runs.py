"""ask, rollout and evaluate against a model server and a corpus."""

from __future__ import annotations

import json
import sys

import pytest

from langgraph_deepsearch.cli import main
from langgraph_deepsearch.nodes.models.resolve import forget_reasoners
from langgraph_deepsearch.trace import read_traces

CORPUS = ("--search", "corpus:corpus.jsonl", "--condenser", "extractive")

BROKEN = """
from langgraph_deepsearch.nodes.dialects import get_dialect

class Broken(type(get_dialect("simple_deep_searcher"))):
    name = "broken"

    def parse(self, text):
        raise KeyError("tag")

DIALECT = Broken
"""


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


def test_a_source_without_title_and_address_is_told_by_its_words(
    deepsearch, searching, files
):
    text = "Lima is the capital of Peru.\nIt lies [far] on the coast" + ", and" * 20
    (files / "bare.jsonl").write_text(json.dumps({"id": "1", "text": text}) + "\n")
    settings = ("--base-url", searching.base_url, "--condenser", "extractive")
    done = deepsearch("ask", "Who?", *settings, "--search", "corpus:bare.jsonl")
    (line,) = [line for line in done.out.splitlines() if line.startswith("  [1]")]
    assert line.startswith("  [1] Lima is the capital of Peru. It lies [far] on the coast,")
    assert line.endswith(" …")
    assert len(line) < 100


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


@pytest.mark.parametrize("verb", ["rollout", "evaluate"])
def test_the_environment_counts_as_a_setting(deepsearch, settings, monkeypatch, verb):
    run = (verb, "questions.jsonl", "--out", "run", *settings)
    if verb == "rollout":
        run = (*run, "--rollouts", 1)
    assert deepsearch(*run).code == 0
    monkeypatch.setenv("DEEPSEARCH_TEMPERATURE", "0.1")
    assert "was started with temperature=0.6, now it is 0.1" in deepsearch(*run).complaint


def test_another_model_behind_the_server_is_refused(deepsearch, settings, searching):
    rollout = ("rollout", "questions.jsonl", "--out", "run", "--rollouts", 1, *settings)
    assert deepsearch(*rollout).code == 0
    searching.script(lambda _: "Lima.", model="another")
    searching.models.reverse()
    forget_reasoners()
    done = deepsearch(*rollout)
    assert (
        "was started with served_model='fake-model', now it is 'another'" in done.complaint
    )


@pytest.mark.parametrize("verb", ["rollout", "evaluate"])
def test_a_directory_from_before_a_setting_goes_on_with_its_default(
    deepsearch, settings, files, verb
):
    run = (verb, "questions.jsonl", "--out", "run", *settings)
    if verb == "rollout":
        run = (*run, "--rollouts", 1)
    assert deepsearch(*run).code == 0
    manifest = files / "run/rollout.json"
    earlier = json.loads(manifest.read_text())
    del earlier["repetition_penalty"]
    manifest.write_text(json.dumps(earlier))
    assert deepsearch(*run).code == 0
    done = deepsearch(*run, "--set", "repetition_penalty=1.05")
    assert "was started with repetition_penalty=1.0, now it is 1.05" in done.complaint


@pytest.mark.parametrize("verb", ["rollout", "evaluate"])
def test_other_questions_with_the_same_ids_are_refused(deepsearch, settings, files, verb):
    run = (verb, "questions.jsonl", "--out", "run", *settings)
    if verb == "rollout":
        run = (*run, "--rollouts", 1)
    assert deepsearch(*run).code == 0
    other = {"id": "a", "question": "What is the capital of Chile?", "answer": "Santiago"}
    (files / "questions.jsonl").write_text(json.dumps(other) + "\n")
    assert "was started with questions_sha256=" in deepsearch(*run).complaint


def test_a_directory_of_an_earlier_version_goes_on_as_it_began(deepsearch, settings, files):
    rollout = ("rollout", "questions.jsonl", "--out", "run", "--rollouts", 1, *settings)
    assert deepsearch(*rollout, "--limit", 1, "--set", "max_searches=2").code == 0
    manifest = files / "run/rollout.json"
    typed = {"questions": "questions.jsonl", "seed": 0, "max_searches": "2"}
    manifest.write_text(json.dumps(typed))
    done = deepsearch(*rollout)
    assert "was started with max_searches=2, now it is None" in done.complaint
    assert deepsearch(*rollout, "--set", "max_searches=2").code == 0
    assert len(list(read_traces("run"))) == 2


def test_settings_newer_than_a_directory_and_its_traces_had_their_default(
    deepsearch, settings, files
):
    rollout = ("rollout", "questions.jsonl", "--out", "run", "--rollouts", 1, *settings)
    assert deepsearch(*rollout, "--limit", 1).code == 0
    traces = files / "run/traces.jsonl"
    trace = json.loads(traces.read_text())
    del trace["settings"]["repetition_penalty"]
    traces.write_text(json.dumps(trace) + "\n")
    typed = json.dumps({"questions": "questions.jsonl", "seed": 0})
    for value, code in ((1.05, 1), (1.0, 0)):
        (files / "run/rollout.json").write_text(typed)
        done = deepsearch(*rollout, "--set", f"repetition_penalty={value}")
        assert done.code == code
        assert code == 0 or "repetition_penalty=1.0, now it is 1.05" in done.complaint


def test_a_dialect_that_breaks_is_one_line_and_shown_with_v(
    deepsearch, settings, files, monkeypatch
):
    (files / "broken.py").write_text(BROKEN)
    rollout = ("rollout", "questions.jsonl", "--out", "run", "--rollouts", 1, *settings)
    done = deepsearch(*rollout, "--dialect", "broken.py")
    assert "2 rollouts failed" in done.complaint
    assert "KeyError: 'tag'" in done.complaint
    causes = []

    def fail(message):  # what prints the trace back under -v
        causes.append(sys.exception().__cause__)
        sys.exit(1)

    monkeypatch.setattr(sys.modules[main.__module__], "_fail", fail)
    deepsearch(*rollout, "--dialect", "broken.py")
    assert isinstance(causes[0], KeyError)


def test_a_plan_runs_nothing(deepsearch, settings, searching):
    done = deepsearch("rollout", "questions.jsonl", "--out", "run", *settings, "--plan")
    assert done.code == 0
    assert "20 rollouts" in done.out
    assert "cost" not in done.out
    priced = ("--plan", "--json", "--completion-price", 8, "--tokens-per-second", 1000)
    plan = deepsearch("rollout", "questions.jsonl", "--out", "run", *settings, *priced)
    figures = json.loads(plan.out)
    assert figures["tokens_per_second"] == 1000
    assert figures["cost"] == pytest.approx(
        figures["completion_tokens"] * 8 / 1e6, rel=0.01
    )
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


def test_evaluate_beside_an_earlier_one_with_a_judge(
    deepsearch, settings, searching, files
):
    evaluate = ("evaluate", "questions.jsonl", *settings, "--json")
    searching.script(lambda _: "I do not know.", model="old")
    searching.script(lambda _: "True", model="judge")
    assert deepsearch(*evaluate, "--out", "old", "--model", "old").code == 0
    new = ("--out", "new", "--model", "fake-model", "--before", "old")
    done = deepsearch(*evaluate, *new, "--judge-model", "judge")
    figures = json.loads(done.out)
    assert (figures["em"], figures["judge"]) == (1.0, 1.0)
    assert (figures["before"]["em"], figures["before"]["judge"]) == (0.0, 0.0)
    assert figures["difference"]["f1"]["mean"] == 1.0
    recorded = json.loads((files / "new/evaluation.json").read_text())
    assert recorded["before"]["engine"] == recorded["after"]["engine"] == "vllm"
    assert "I do not know." in (files / "new/report.html").read_text()
    asked = len(searching.generations())
    table = deepsearch("evaluate", "questions.jsonl", *settings, *new)
    assert "2 questions that both answered" in table.out
    assert len(searching.generations()) == asked
