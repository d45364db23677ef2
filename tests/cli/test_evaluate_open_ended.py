"""`deepsearch evaluate` on O2-Searcher's own kind of file, beside closed questions."""

from __future__ import annotations

import json

import pytest

from langgraph_deepsearch.evals import similarity
from langgraph_deepsearch.evals.similarity import WordSimilarity

SEARCH = "<think>I look.</think>\n<search>\n<query>Peru and Lima</query>\n</search>"
FINDING = "Lima is the capital of Peru."


@pytest.fixture
def inputs(files, fake_server, monkeypatch):
    """A model that searches, learns and answers by the kind of question."""
    gt = {"What is known of Peru?": [FINDING, "Peru has a long coast."]}
    (files / "test_gt.json").write_text(json.dumps(gt, indent=4))
    monkeypatch.setattr(
        "langgraph_deepsearch.evals.evaluation.default_similarity", WordSimilarity
    )
    similarity.default_similarity.cache_clear()

    def reply(prompt):
        if "at most 3 learnings" in prompt:
            return f"- {FINDING}"
        if "</learnings>" not in prompt.rpartition("Initial query: ")[2]:
            return SEARCH
        is_open = "Initial query: What is known" in prompt
        return (
            f"<think>So.</think>\n<answer>{f'- {FINDING}' if is_open else 'Lima'}</answer>"
        )

    fake_server.script(reply)
    return (
        *("--base-url", fake_server.base_url, "--dialect", "o2_searcher"),
        *("--search", f"corpus:{files / 'corpus.jsonl'}", "--out", "run"),
    )


def test_both_kinds_are_scored_as_what_they_are(deepsearch, inputs, files):
    done = deepsearch("evaluate", "questions.jsonl", "test_gt.json", *inputs, "--json")
    assert done.code == 0, done.err
    summary = json.loads(done.out)
    assert (summary["em"], summary["n"]) == (1.0, 2)
    assert summary["open_ended"]["n"] == 1
    assert summary["open_ended"]["findings_precision"] == 1.0
    assert summary["open_ended"]["findings_recall"] == 0.5
    assert summary["open_ended"]["similarity"] == "tfidf"
    assert "compared by their words alone" in done.err
    assert "F1 of findings" in (files / "run/report.html").read_text()


def test_both_tables_are_printed(deepsearch, inputs):
    done = deepsearch("evaluate", "questions.jsonl", "test_gt.json", *inputs)
    assert "2 questions" in done.out
    assert "1 open-ended questions" in done.out
    assert "findings_f1" in done.out


def test_open_ended_questions_alone(deepsearch, inputs):
    done = deepsearch("evaluate", "test_gt.json", *inputs)
    assert done.code == 0, done.err
    assert "findings_f1" in done.out
    assert " em " not in done.out


def test_two_files_with_one_id_are_refused(deepsearch, inputs):
    done = deepsearch("evaluate", "questions.jsonl", "questions.jsonl", *inputs)
    assert done.code != 0
    assert "two questions have the id 'a'" in done.complaint
