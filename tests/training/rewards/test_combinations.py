from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_deepsearch.trace import Usage
from langgraph_deepsearch.training.rewards.base import Parts
from langgraph_deepsearch.training.rewards.earned_format import EarnedFormat
from langgraph_deepsearch.training.rewards.fewest_searches import FewestSearches
from langgraph_deepsearch.training.rewards.floor import FloorWhenValid
from langgraph_deepsearch.training.rewards.graded_format import GradedFormat
from langgraph_deepsearch.training.rewards.overlong import SoftOverlong
from langgraph_deepsearch.training.rewards.penalty import LIGHT_PENALTY, PenalizeInvalid
from langgraph_deepsearch.training.rewards.weighted import WeightedFormat

UNIT = st.floats(0, 1)
BAD = ["bad"]


@given(answer=UNIT)
def test_a_broken_form_never_pays(make_run, answer):
    run = make_run()
    for combine in (
        PenalizeInvalid(),
        PenalizeInvalid(keeps_answer=True),
        PenalizeInvalid(LIGHT_PENALTY),
        FloorWhenValid(),
        WeightedFormat(),
        EarnedFormat(),
    ):
        assert combine(answer, BAD, run).total < combine(answer, [], run).total or (
            isinstance(combine, FloorWhenValid) and answer == 0
        )


def test_penalties_replace_the_answer_or_stand_beside_it(make_run):
    run = make_run()
    assert PenalizeInvalid()(0.7, BAD, run).total == -2.0
    assert PenalizeInvalid(keeps_answer=True)(0.7, BAD, run).total == pytest.approx(-1.3)
    assert PenalizeInvalid(LIGHT_PENALTY)(1.0, BAD, run).total == -1.0
    assert PenalizeInvalid()(0.7, [], run).total == 0.7


def test_the_floor_is_the_originals_and_can_be_made_monotonic(make_run):
    run = make_run()
    values = [FloorWhenValid()(a, [], run).total for a in (0.0, 0.05, 0.5)]
    assert values == [0.1, 0.05, 0.5]
    assert FloorWhenValid()(0.5, BAD, run).total == 0.0
    assert FloorWhenValid(is_monotonic=True)(0.05, [], run).total == 0.1


def test_search_r1s_steps(make_run):
    graded = GradedFormat()
    empty = make_run(golds=["Rome"], answer=None)
    wrong = make_run(golds=["Rome"])
    result = ("result", "Rome is here", False)
    seen = make_run([result, ("answer", "Paris", True)], golds=["Rome"])
    assert graded(1.0, [], wrong).total == 1.0
    assert graded(1.0, BAD, wrong).total == pytest.approx(0.8)
    assert graded(0.0, [], wrong).total == pytest.approx(0.2)
    assert graded(0.0, [], seen).total == pytest.approx(0.3)
    assert graded(0.0, BAD, wrong).total == pytest.approx(0.1)
    assert graded(0.0, BAD, empty).total == 0.0


def test_stage_one_pays_for_a_search_that_is_well_formed(make_run):
    query = "<|begin_of_query|> q<|end_of_query|>"
    assert EarnedFormat()(1.0, [], make_run(query)).total == 2.0
    assert EarnedFormat()(0.0, [], make_run()).total == -0.5
    for broken in (
        "q<|end_of_query|>",
        "<|begin_of_query|> <|end_of_query|>",
        "<|begin_of_query|> q<|begin_of_query|> q<|end_of_query|>",
    ):
        assert EarnedFormat()(1.0, [], make_run(broken)).total == 1.5
    # What the graph shows is not the model's search.
    shown = [("result", query, False), ("answer", "Paris", True)]
    assert EarnedFormat()(1.0, [], make_run(shown)).total == 1.5
    assert EarnedFormat()(0.0, BAD, make_run()).total == -1.0


def test_web_dancers_weights(make_run):
    assert WeightedFormat()(1.0, [], make_run()).total == pytest.approx(1.0)
    assert WeightedFormat()(1.0, BAD, make_run()).total == pytest.approx(0.9)
    assert WeightedFormat()(0.0, [], make_run()).total == pytest.approx(0.1)


RUNS = st.lists(
    st.tuples(st.integers(0, 8), st.sampled_from([0.0, 1.0]), st.sampled_from([0.0, -2.0])),
    min_size=1,
    max_size=8,
)


@given(runs=RUNS)
def test_the_group_rule_pays_right_runs_with_fewest_searches_alone(make_run, runs):
    group = [make_run(searches=count) for count, _, _ in runs]
    parts = [Parts(answer=answer, format=form) for _, answer, form in runs]
    bonus = FewestSearches()(group, parts)
    right = [i for i, (_, a, f) in enumerate(runs) if a and not f]
    counts = [runs[i][0] for i in right]
    for index, value in enumerate(bonus):
        assert 0.0 <= value <= 2.0
        paid = index in right and runs[index][0] == min(counts) and len(set(counts)) > 1
        assert (value > 0) == paid


def test_the_group_rule_scales_with_the_spread_and_is_clipped(make_run):
    def bonus(*counts):
        group = [make_run(searches=n) for n in counts]
        return FewestSearches()(group, [Parts(answer=1.0)] * len(group))

    assert bonus(1, 2) == [0.5, 0.0]
    assert bonus(1, 9, 9) == [2.0, 0.0, 0.0]
    assert bonus(3, 3) == [0.0, 0.0]


@given(tokens=st.integers(0, 5000))
def test_overlong_runs_lose_up_to_1(make_run, tokens):
    run = make_run(usage=Usage(completion_tokens=tokens))
    (value,) = SoftOverlong(limit=1000)([run], [Parts()])
    assert -1.0 <= value <= 0.0
    assert (value == 0.0) == (tokens <= 800)
    assert (value == -1.0) == (tokens >= 1000)
