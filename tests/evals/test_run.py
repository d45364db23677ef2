import json

import pytest
from scripted import ANSWER, FewPages, ScriptedModel, query

from langgraph_deepsearch import create_deep_search_agent
from langgraph_deepsearch.evals.evaluation import EvaluationError
from langgraph_deepsearch.evals.run import evaluate_questions
from langgraph_deepsearch.graph.rollout import RolloutError
from langgraph_deepsearch.questions import Question

QUESTIONS = [
    Question("q0", "What is the capital of Peru?", ("Lima",), {"hops": 1}),
    Question("q1", "What is the capital of Chile?", ("Santiago",), {"hops": 1}),
]


@pytest.fixture
def agent():
    model = ScriptedModel(replies=[query("peru"), ANSWER], seen=[])
    return create_deep_search_agent(model, search=FewPages(), condenser="extractive")


def test_questions_are_run_scored_and_reported(agent, tmp_path):
    summary = evaluate_questions(agent, QUESTIONS, tmp_path, engine="scripted")
    assert (summary.n, summary.em, summary.searches) == (2, 0.5, 1)
    record = json.loads((tmp_path / "evaluation.json").read_text())
    assert record["result"]["engine"] == "scripted"
    assert record["result"]["by_hops"]["1"]["n"] == 2
    assert "capital of Peru" in (tmp_path / "report.html").read_text()


def test_running_again_asks_only_what_is_left(agent, tmp_path):
    evaluate_questions(agent, QUESTIONS[:1], tmp_path)
    seen = []
    summary = evaluate_questions(
        agent,
        QUESTIONS,
        tmp_path,
        on_progress=lambda progress: seen.append(progress.already),
    )
    assert summary.n == 2
    assert seen == [1]


def test_other_settings_need_another_directory(agent, tmp_path):
    evaluate_questions(agent, QUESTIONS, tmp_path, manifest={"model": "a"})
    with pytest.raises(RolloutError, match="model='a'"):
        evaluate_questions(agent, QUESTIONS, tmp_path, manifest={"model": "b"})


def test_questions_without_answers_are_refused(agent, tmp_path):
    with pytest.raises(EvaluationError, match="use `deepsearch rollout`"):
        evaluate_questions(agent, [Question("q", "Why?")], tmp_path)
    assert not list(tmp_path.iterdir())
