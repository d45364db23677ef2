"""`deepsearch curate` with verdicts, as a user types it."""

from __future__ import annotations

import json

import pytest

from langgraph_deepsearch.curation.presets import PRESETS
from langgraph_deepsearch.trace import read_traces


@pytest.fixture
def rolled_out(deepsearch, searching, files):
    """A run directory without gold answers."""
    lines = [{"id": n, "question": f"What is Peru's capital, {n}?"} for n in "ab"]
    (files / "q.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    words = ("--search", "corpus:corpus.jsonl", "--condenser", "extractive")
    server = ("--base-url", searching.base_url, "--rollouts", 1)
    assert deepsearch("rollout", "q.jsonl", "--out", "run", *server, *words).code == 0
    return files / "run"


def test_a_persons_verdicts_let_runs_be_curated(deepsearch, rolled_out, files):
    curate = ("curate", "run", "--out", "run", "--preset", "desk")
    assert "--verdicts FILE" in deepsearch(*curate).complaint
    first, _ = read_traces(rolled_out)
    verdicts = [{"id": first.id, "correct": True}, {"id": "zz", "correct": True}]
    (files / "v.jsonl").write_text("".join(json.dumps(v) + "\n" for v in verdicts))
    done = deepsearch(*curate, "--verdicts", "v.jsonl", "--json")
    assert json.loads(done.out)["verdicts"]["used"] == 1
    assert done.err == "1 of 2 verdicts in v.jsonl are of no trace here\n"
    [kept] = read_traces(rolled_out / "curated.jsonl")
    assert (kept.id, kept.outcome) == (first.id, {"user": 1.0})
    assert "1 of 2 verdicts used" in deepsearch(*curate, "--verdicts", "v.jsonl").out
    assert "no verdicts at absent" in deepsearch(*curate, "--verdicts", "absent").complaint


def test_the_verdicts_of_an_evaluation_are_taken(deepsearch, searching, files):
    searching.script(lambda _: "True", model="judge")
    words = ("--search", "corpus:corpus.jsonl", "--condenser", "extractive")
    judged = ("--base-url", searching.base_url, "--model", "fake-model")
    evaluate = ("evaluate", "questions.jsonl", "--out", "run", *judged, *words)
    assert deepsearch(*evaluate, "--judge-model", "judge").code == 0
    curate = ("curate", "run", "--out", "run", "--preset", "desk", "--json")
    done = deepsearch(*curate, "--verdicts", "run/verdicts.jsonl")
    assert json.loads(done.out)["verdicts"]["kind"] == "judge"
    assert {t.outcome["judge"] for t in read_traces(files / "run/curated.jsonl")} == {1.0}


def test_a_misspelt_name_leaves_no_folder(deepsearch, rolled_out, files):
    for verb, *words in (
        ("curate", "--without", "lenght"),
        ("curate", "--preset", "desc"),
        ("pairs", "--preset", "desc"),
        ("pairs", "--ratio", "nan"),
    ):
        done = deepsearch(verb, "run", "--out", "new/folder", *words)
        assert done.code == 1
        assert words[-1] in done.complaint
        assert not (files / "new").exists()


def test_a_measure_that_no_outcome_has_is_refused(deepsearch, rolled_out, files):
    for verb, out in (("select", "new.jsonl"), ("pairs", "new")):
        done = deepsearch(verb, "run", "--out", out, "--measure", "accuracy")
        assert done.code == 1
        assert "--measure takes acc, em, f1, judge, user; not 'accuracy'" in done.complaint
        assert not (files / out).exists()


def test_the_table_says_what_its_rows_count_and_the_help_names_every_preset(
    deepsearch, searching, files
):
    words = ("--search", "corpus:corpus.jsonl", "--condenser", "extractive")
    server = ("--base-url", searching.base_url)
    assert deepsearch("rollout", "questions.jsonl", "--out", "r", *server, *words).code == 0
    shown = deepsearch("curate", "r", "--out", "r", "--preset", "desk").out
    assert "difficulty (questions)" in shown
    told = deepsearch("curate", "--help").out
    assert [name for name in PRESETS if name not in told] == []
