"""Open-ended questions, on their own and mixed with closed ones, from file to report."""

from __future__ import annotations

import json

import pytest
from scripted import FewPages, ScriptedModel, query

from langgraph_deepsearch import create_deep_search_agent
from langgraph_deepsearch.evals.evaluation import (
    EvaluationError,
    summarize_traces,
    write_evaluation,
)
from langgraph_deepsearch.evals.open_ended import OPEN_MEASURES, score_open_ended
from langgraph_deepsearch.evals.report import write_report
from langgraph_deepsearch.evals.run import evaluate_questions
from langgraph_deepsearch.evals.similarity import WordSimilarity
from langgraph_deepsearch.questions import Question, read_question_files
from langgraph_deepsearch.trace import read_traces

POINTS = ["Rivers carry cold water east.", "Farmers moved uphill after floods."]
ANSWER = f"- {POINTS[0]}\n- Nothing is known of trade."
WORDS = WordSimilarity()


@pytest.fixture
def make_open(make_trace):
    def make(number=0, **changes):
        values = {
            "answer": ANSWER,
            "golds": POINTS,
            "kind": "open_ended",
            "queries": ("cold rivers of the high eastern plain now", "why farmers moved "),
        }
        return make_trace(number, **{**values, **changes})

    return make


def test_a_run_is_scored_by_its_findings_and_queries(make_open):
    scored = score_open_ended(make_open(), WORDS)
    assert scored.findings_f1 == scored.findings_precision == scored.findings_recall == 0.5
    assert scored.findings == 2
    assert scored.format == pytest.approx((0.5 + 0.3 * 0.2 + 0.5 * scored.diversity) / 1.3)
    # Two queries of eight words and of three (and two special tokens), nothing in common.
    assert scored.query_diversity == pytest.approx(0.5 * (1 + 5 / 8) / 2)
    expected = 0.2 * (scored.format + 0.5 + 0.5 * scored.query_diversity)
    assert scored.composite == pytest.approx(expected)


def test_no_answer_scores_nothing_for_its_findings(make_open):
    scored = score_open_ended(make_open(answer=None), WORDS)
    assert (scored.findings_f1, scored.format, scored.diversity, scored.findings) == (
        *(0, 0, 0, 0),
    )
    assert scored.query_diversity > 0


def test_open_and_closed_questions_are_summed_up_apart(make_open, make_trace):
    traces = [make_open(0), make_trace(1), make_trace(2, answer="x"), make_open(3)]
    summary = summarize_traces(traces, engine="vllm", similarity=WORDS)
    closed = summarize_traces([traces[1], traces[2]], engine="vllm")
    assert (summary.n, summary.em, summary.unscored) == (2, 0.5, 0)
    assert summary.to_json() | {"open_ended": 0} == closed.to_json() | {"open_ended": 0}
    figures = summary.to_json()["open_ended"]
    assert figures["n"] == 2
    assert figures["similarity"] == "tfidf"
    assert figures["findings_f1"] == 0.5
    assert set(figures["intervals"]) == set(OPEN_MEASURES)
    assert figures["tokens"] == pytest.approx(41.5)
    assert closed.open_ended is None
    assert "open_ended" not in closed.to_json()
    assert [table.title for table in summary.tables()] == [
        "2 questions",
        "2 open-ended questions, sentences compared by tfidf",
    ]


def test_the_report_shows_both_kinds(make_open, make_trace, tmp_path):
    summary = summarize_traces(
        [make_open(0), make_trace(1)], engine="vllm", similarity=WORDS
    )
    path = write_evaluation(tmp_path, extra={"result": summary})
    record = json.loads(path.read_text())
    assert [q["id"] for q in record["questions"]] == ["q1"]
    (entry,) = record["open_ended_questions"]
    assert entry["golds"] == POINTS
    assert entry["result"][0]["findings_f1"] == 0.5
    page = write_report(tmp_path).read_text()
    assert "Exact match" in page
    assert "F1 of findings" in page
    assert "Sentences compared by tfidf" in page


def test_open_ended_questions_alone_make_no_claim_about_exact_match(make_open, tmp_path):
    summary = summarize_traces([make_open(0)], engine="vllm", similarity=WORDS)
    assert summary.n == 0
    assert [t.title for t in summary.tables()] == [
        "1 open-ended questions, sentences compared by tfidf"
    ]
    write_evaluation(tmp_path, extra={"result": summary})
    page = write_report(tmp_path).read_text()
    assert "1 open-ended questions" in page
    assert "F1 of findings" in page
    assert "<h2>Figures</h2>" not in page
    assert "F1 is" not in page


def test_the_key_of_their_table_is_reserved(make_trace, tmp_path):
    summary = summarize_traces([make_trace()], engine="")
    with pytest.raises(EvaluationError, match="'open_ended_questions'"):
        write_evaluation(tmp_path, extra={"open_ended_questions": summary})


def test_a_mixed_set_is_run_and_scored(tmp_path):
    (tmp_path / "closed.jsonl").write_text(
        json.dumps(
            {"id": "c", "question": "What is the capital of Peru?", "answer": "Lima"}
        )
    )
    findings = ["Lima has 10 million people.", "Peru has a coast."]
    (tmp_path / "gt.json").write_text(json.dumps({"What is known of Lima?": findings}))
    asked = read_question_files([tmp_path / "closed.jsonl", tmp_path / "gt.json"])
    assert asked[1] == Question(
        asked[1].id, "What is known of Lima?", tuple(findings), {"kind": "open_ended"}
    )
    replies = [query("peru"), "So.</think>\n\n\\boxed{- Lima has 10 million people.}"]
    agent = create_deep_search_agent(
        ScriptedModel(replies=replies, seen=[]), search=FewPages(), condenser="extractive"
    )
    summary = evaluate_questions(agent, asked, tmp_path / "run", similarity=WORDS)
    assert (summary.n, summary.em, summary.acc) == (1, 0.0, 1.0)
    assert summary.open_ended is not None
    means = summary.open_ended.means
    assert means["findings_precision"] == 1.0
    assert means["findings_recall"] == 0.5
    assert means["searches"] == 1.0
    outcomes = {t.question: t.outcome for t in read_traces(tmp_path / "run")}
    assert outcomes[asked[0].question]["acc"] == 1.0
    assert outcomes[asked[1].question] == {}
