import json

import pytest
from scripted import ANSWER, FewPages, ScriptedModel, query

from langgraph_deepsearch import create_deep_search_agent
from langgraph_deepsearch.evals.comparison import find_earlier_runs
from langgraph_deepsearch.evals.evaluation import EvaluationError
from langgraph_deepsearch.evals.judge import Judge, JudgeError
from langgraph_deepsearch.evals.run import compare_with, evaluate_questions
from langgraph_deepsearch.evals.verdicts import Verdicts
from langgraph_deepsearch.graph.rollout import RolloutError
from langgraph_deepsearch.questions import Question
from langgraph_deepsearch.trace import read_traces, write_traces

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


def other_agent(*replies):
    model = ScriptedModel(replies=list(replies), seen=[])
    return create_deep_search_agent(model, search=FewPages(), condenser="extractive")


def test_an_earlier_evaluation_stands_beside(agent, tmp_path):
    before, after = tmp_path / "before", tmp_path / "after"
    evaluate_questions(other_agent("I do not know."), QUESTIONS, before, engine="vllm")
    earlier = find_earlier_runs(before, after, QUESTIONS)
    summary = evaluate_questions(agent, QUESTIONS, after)
    compared = compare_with(earlier, summary, after)
    assert (compared.before.em, compared.after.em) == (0.0, 0.5)
    record = json.loads((after / "evaluation.json").read_text())
    assert record["before"]["engine"] == "vllm"
    assert record["difference"]["em"]["mean"] == 0.5
    assert record["difference"]["em"]["n"] == 2
    assert compared.to_json()["difference"] == record["difference"]
    page = (after / "report.html").read_text()
    assert "I do not know." in page  # the runs of both, side by side
    assert "Lima" in page


def test_both_columns_are_over_the_questions_that_both_answered(tmp_path):
    peru, chile, italy = (
        *QUESTIONS,
        Question("q2", "What is the capital of Italy?", ("Rome",), {"hops": 1}),
    )
    before, after = tmp_path / "before", tmp_path / "after"
    gone = Question("q9", "What is the capital of Cuba?", ("Havana",))
    evaluate_questions(other_agent(ANSWER), [gone, chile, peru], before)
    earlier = find_earlier_runs(before, after, [peru, chile, italy])
    summary = evaluate_questions(other_agent(ANSWER), [peru, chile, italy], after)
    compared = compare_with(earlier, summary, after)
    table = compared.table()
    cells = [next(iter(column.cells)) for column in table.columns]
    assert cells == ["em", "0.500", "0.500", "+0.000", "+0.000 to +0.000"]
    assert table.title == "2 questions that both answered"
    assert table.caption == "in all, before has 3 questions and after 3"
    record = json.loads((after / "evaluation.json").read_text())
    assert [record[name]["n"] for name in ("before", "after", "all_questions")] == [2, 2, 3]
    assert record["all_questions"]["em"] == summary.em == pytest.approx(1 / 3)
    gap = record["difference"]["em"]
    assert (gap["before"], gap["after"], gap["mean"]) == (0.5, 0.5, 0.0)
    assert record["answered"] == {"before": 3, "after": 3}
    assert compared.to_json()["all_questions"] == record["all_questions"]
    assert compared.to_json()["em"] == 0.5
    page = (after / "report.html").read_text()
    assert "F1 went from <strong>0.500</strong> to <strong>0.500</strong>" in page
    assert "in all, before has 3 and after 3" in page
    assert "All questions after" in page


def test_runs_repeated_on_one_side_do_not_shift_the_means(agent, tmp_path):
    evaluate_questions(other_agent(ANSWER), QUESTIONS, tmp_path / "before")
    file = tmp_path / "before" / "traces.jsonl"
    first = next(trace for trace in read_traces(file) if trace.question_id == "q0")
    again = [first.model_copy(update={"id": f"q0/{n}", "rollout": n}) for n in (1, 2)]
    write_traces(file, [*read_traces(file), *again])
    earlier = find_earlier_runs(tmp_path / "before", tmp_path / "after", QUESTIONS)
    summary = evaluate_questions(agent, QUESTIONS, tmp_path / "after")
    compared = compare_with(earlier, summary, tmp_path / "after")
    assert compared.before.em == 0.75
    assert [next(iter(c.cells)) for c in compared.table().columns][1:4] == [
        *("0.500", "0.500", "+0.000")
    ]
    page = (tmp_path / "after" / "report.html").read_text()
    assert "F1 went from <strong>0.500</strong> to <strong>0.500</strong>" in page


def test_only_the_same_questions_are_compared(agent, tmp_path):
    others = [Question("q0", "What is the capital of Italy?", ("Rome",))]
    evaluate_questions(agent, others, tmp_path / "others")
    with pytest.raises(EvaluationError, match="answers none of these questions"):
        find_earlier_runs(tmp_path / "others", tmp_path, QUESTIONS)
    with pytest.raises(EvaluationError, match="with itself"):
        find_earlier_runs(tmp_path / "others", tmp_path / "others", others)


def test_of_a_loop_the_trained_models_runs_are_compared(agent, tmp_path):
    evaluate_questions(agent, QUESTIONS, tmp_path)
    (tmp_path / "traces.jsonl").rename(tmp_path / "after.jsonl")
    found = find_earlier_runs(tmp_path, tmp_path / "out", QUESTIONS)
    assert found.file == tmp_path / "after.jsonl"


class Yes(Judge):
    """Calls everything right, and counts."""

    asked = 0

    async def judge(self, question, golds, prediction):
        self.asked += 1
        return "correct"


def test_a_judge_is_asked_once_for_an_answer(agent, tmp_path):
    for _ in range(2):
        judge = Yes(None)
        summary = evaluate_questions(
            agent, QUESTIONS, tmp_path, verdicts=Verdicts(judge, "judge", tmp_path)
        )
        assert (summary.em, summary.judge) == (0.5, 1.0)
    assert judge.asked == 0
    other = Yes(None)
    verdicts = Verdicts(other, "another", tmp_path)
    evaluate_questions(agent, QUESTIONS, tmp_path, verdicts=verdicts)
    assert other.asked == 2
    record = json.loads((tmp_path / "evaluation.json").read_text())
    assert record["result"]["judge"] == 1.0


def test_a_file_of_something_else_is_one_line(tmp_path):
    (tmp_path / "verdicts.jsonl").write_text('{"run": "a"}\n')
    with pytest.raises(JudgeError, match="something else than verdicts: remove it"):
        Verdicts(Yes(None), "judge", tmp_path)


def test_verdicts_are_compared_in_pairs(agent, tmp_path):
    before, after = tmp_path / "before", tmp_path / "after"
    evaluate_questions(other_agent("I do not know."), QUESTIONS, before)
    earlier = find_earlier_runs(before, after, QUESTIONS)
    judge = Judge(None)  # no answer is wrong without a call

    async def judged(question, golds, prediction):
        return "correct" if prediction else "incorrect"

    judge.judge = judged
    verdicts = Verdicts(judge, "judge", after)
    summary = evaluate_questions(agent, QUESTIONS, after, verdicts=verdicts)
    gap = compare_with(earlier, summary, after, verdicts=verdicts).to_json()["difference"]
    assert (gap["judge"]["mean"], gap["judge"]["n"]) == (1.0, 2)


def test_other_settings_need_another_directory(agent, tmp_path):
    evaluate_questions(agent, QUESTIONS, tmp_path, manifest={"model": "a"})
    with pytest.raises(RolloutError, match="model='a'"):
        evaluate_questions(agent, QUESTIONS, tmp_path, manifest={"model": "b"})


def test_questions_without_answers_are_refused(agent, tmp_path):
    with pytest.raises(EvaluationError, match="use `deepsearch rollout`"):
        evaluate_questions(agent, [Question("q", "Why?")], tmp_path)
    assert not list(tmp_path.iterdir())
