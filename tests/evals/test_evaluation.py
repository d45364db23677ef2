import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langgraph_deepsearch.evals.bootstrap import intervals
from langgraph_deepsearch.evals.evaluation import (
    EvaluationError,
    difference,
    summarize_traces,
    write_evaluation,
)
from langgraph_deepsearch.evals.report import write_report
from langgraph_deepsearch.trace import Usage


def test_figures_are_means_over_the_runs(make_trace):
    traces = [
        make_trace(0),
        make_trace(1, answer="Old Velmar", hops=3),
        make_trace(2, answer=None, stop_reason="turn_limit", queries=("a", "b", "c")),
        make_trace(3, golds=()),
    ]
    summary = summarize_traces(traces, engine="vllm")
    assert (summary.n, summary.unscored, summary.engine) == (3, 1, "vllm")
    assert summary.em == pytest.approx(1 / 3)
    assert summary.f1 == pytest.approx((1 + 2 / 3) / 3)
    assert summary.acc == pytest.approx(2 / 3)
    assert summary.searches == pytest.approx(5 / 3)
    assert summary.tokens == pytest.approx(41)
    assert (summary.child_calls, summary.child_tokens) == (1, 7)
    assert summary.stop_reasons == {"answered": 2, "turn_limit": 1}
    assert summary.by_hops["2"]["n"] == 2
    assert summary.by_hops["3"]["f1"] == pytest.approx(2 / 3)
    assert summary.by_kind["compositional"]["n"] == 3
    assert summary.stages.search == 1
    assert summary.redundancy.n == 3
    assert [row.id for row in summary.questions] == ["q0", "q1", "q2"]
    assert summary.judge is None
    assert "judge" not in summary.to_json()


def test_what_the_model_knew_is_counted(make_trace):
    recalled = make_trace(0, queries=(), usage=Usage(turns=3, recalls=2))
    searched = make_trace(1, usage=Usage(turns=2, searches=1))
    silent = make_trace(2, queries=(), answer=None, usage=Usage(turns=1))
    summary = summarize_traces([recalled, searched, silent], engine="")
    assert summary.recalls == pytest.approx(2 / 3)
    assert summary.unsearched == pytest.approx(1 / 3)
    assert summary.to_json()["recalls"] == summary.recalls


def test_hops_may_be_a_number_a_list_or_absent(make_trace):
    traces = [
        make_trace(0, metadata={"hops": 4}),
        make_trace(1, metadata={"hops": [{"q": "?"}, {"q": "?"}]}),
        make_trace(2, metadata={"type": "bridge"}),
    ]
    summary = summarize_traces(traces, engine="")
    assert set(summary.by_hops) == {"2", "4"}
    assert set(summary.by_kind) == {"bridge"}


def test_verdicts_of_a_judge_are_averaged_over_the_judged(make_trace):
    traces = [
        make_trace(0, outcome={"judge": 1.0}),
        make_trace(1, outcome={"judge": 0.0}),
        make_trace(2),
    ]
    assert summarize_traces(traces, engine="").judge == 0.5


def test_traces_without_gold_answers_are_one_clear_error(make_trace):
    with pytest.raises(EvaluationError, match="none of 1 traces has a gold answer"):
        summarize_traces([make_trace(golds=())], engine="")


def test_two_questions_with_one_id_are_two(make_trace, tmp_path):
    chile = {"question": "What is the capital of Chile?", "golds": ("Santiago",)}
    right, wrong = make_trace(0), make_trace(0, **chile)
    both = summarize_traces([right, wrong], engine="")
    other = summarize_traces([make_trace(0, answer="Santiago", **chile)], engine="")
    gain = difference(both, other)["em"]
    assert (gain["n"], gain["mean"]) == (1, 1.0)
    assert both.intervals["em"] == (0.0, 1.0)
    file = write_evaluation(tmp_path, before=both, after=other)
    table = json.loads(file.read_text())["questions"]
    assert [len(entry["before"]) for entry in table] == [1, 1]
    assert ["after" in entry for entry in table] == [False, True]


def test_the_file_holds_every_column_and_the_paired_difference(make_trace, tmp_path):
    before = summarize_traces([make_trace(n, answer="x") for n in range(5)], engine="vllm")
    after = summarize_traces([make_trace(n) for n in range(1, 6)], engine="vllm")
    path = write_evaluation(
        tmp_path, before=before, after=after, extra={"self_distilled": after}, seconds=12.5
    )
    record = json.loads(path.read_text())
    assert path == tmp_path / "evaluation.json"
    for name in ("before", "after", "self_distilled"):
        assert set(record[name]) >= {"em", "f1", "acc", "searches", "tokens", "n", "engine"}
    assert record["seconds"] == 12.5
    gap = {"mean": 1, "low": 1, "high": 1, "n": 4, "before": 0, "after": 1}
    assert record["difference"]["em"] == gap
    assert len(record["questions"]) == 6
    assert record["questions"][1]["before"][0]["em"] == 0
    assert record["questions"][1]["after"][0]["em"] == 1
    assert list(tmp_path.iterdir()) == [path]


def test_a_reserved_column_name_is_refused(make_trace, tmp_path):
    summary = summarize_traces([make_trace()], engine="")
    with pytest.raises(EvaluationError, match="'seconds'"):
        write_evaluation(tmp_path, extra={"seconds": summary})


def test_repeated_runs_and_questions_are_told_apart(make_trace, tmp_path):
    traces = [make_trace(n, rollout=r) for n in range(3) for r in range(3)]
    summary = summarize_traces(traces, engine="")
    assert summary.table().title == "9 runs of 3 questions"
    assert summarize_traces(traces[:1], engine="").table().title == "1 questions"
    record = json.loads(write_evaluation(tmp_path, extra={"result": summary}).read_text())
    assert (record["result"]["n"], record["result"]["asked"]) == (9, 3)
    assert record["result"]["by_hops"]["2"]["asked"] == 3
    page = write_report(tmp_path).read_text()
    assert "9 runs of 3 questions" in page
    assert "2 hops (3)" in page
    assert '<th scope="row">Questions</th><td>3</td>' in page
    assert '<th scope="row">Runs</th><td>9</td>' in page


def test_the_table_shows_every_measure(make_trace):
    table = summarize_traces([make_trace()], engine="").table()
    assert list(table.columns[0].cells)[:3] == ["em", "f1", "acc"]


def test_intervals_are_the_same_for_the_same_seed(make_trace):
    traces = [make_trace(n, answer="Velmar" if n % 3 else "x") for n in range(30)]
    one, two = (summarize_traces(traces, engine="", seed=7).intervals for _ in range(2))
    assert one == two
    assert one != summarize_traces(traces, engine="", seed=8).intervals


def test_an_interval_is_about_as_wide_as_theory_says():
    groups = [{"em": [float(n % 2)]} for n in range(400)]
    low, high = intervals(groups)["em"]
    expected = 1.96 * math.sqrt(0.25 / 400)
    assert low == pytest.approx(0.5 - expected, abs=0.01)
    assert high == pytest.approx(0.5 + expected, abs=0.01)


def test_rollouts_of_one_question_are_drawn_together():
    # 400 runs of two questions tell as much as two questions.
    groups = [{"em": [0.0] * 200}, {"em": [1.0] * 200}]
    assert intervals(groups)["em"] == (0.0, 1.0)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_an_interval_lies_within_the_values_and_around_the_middle(values):
    low, high = intervals([{"f1": [value]} for value in values])["f1"]
    assert min(values) - 1e-9 <= low <= high <= max(values) + 1e-9


def test_evaluations_of_different_questions_have_no_difference(make_trace):
    one = summarize_traces([make_trace(0)], engine="")
    other = summarize_traces([make_trace(1)], engine="")
    assert difference(one, other) == {}
