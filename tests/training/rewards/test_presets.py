from __future__ import annotations

import doctest

import pytest

from langgraph_deepsearch.training.rewards import (
    Reward,
    RewardError,
    compose,
    get_reward,
    list_rewards,
)
from langgraph_deepsearch.training.rewards.base import Parts
from langgraph_deepsearch.training.rewards.exact_match import exact_match
from langgraph_deepsearch.training.rewards.overlong import SoftOverlong

SYSTEMS = (
    "simple_deep_searcher r1_searcher r1_searcher_plus search_r1 research deep_researcher "
    "zero_search mask_search o2_searcher web_dancer"
).split()


def test_every_trained_system_has_a_reward_with_its_source():
    assert set(SYSTEMS) <= set(list_rewards())
    assert all(get_reward(name).source for name in list_rewards())
    assert [n for n in list_rewards() if get_reward(n).needs_judge] == [
        "mask_search_judge",
        "web_dancer",
    ]


@pytest.mark.parametrize("name", list_rewards())
def test_rewards_are_pure_and_bounded(make_run, name):
    runs = [
        make_run("So.</think>\n\n\\boxed{Paris}", outcome={"judge": 1.0}, searches=1),
        make_run("\\boxed{Rome}", answer="Rome", outcome={"judge": 0.0}, searches=3),
        make_run("", answer=None, outcome={"judge": 0.0}, stop_reason="turn_limit"),
    ]
    before = [run.model_dump_json() for run in runs]
    first = get_reward(name).score(runs)
    assert first == get_reward(name).score(runs)
    assert before == [run.model_dump_json() for run in runs]
    for parts in first:
        assert -2.0 <= parts.total <= 4.0
        assert parts.total == parts.answer + parts.format + parts.shaping
    assert first[0].total >= first[2].total


def test_the_papers_reward(make_run):
    reward = get_reward("simple_deep_searcher")
    right = make_run("So.</think>\n\n\\boxed{Paris, France}", answer="Paris, France")
    unboxed = make_run("Paris", answer=None)
    assert reward.one(right).total == pytest.approx(2 / 3)
    assert reward.one(unboxed).total == -2.0


def test_terms_can_be_added_to_a_reward(make_run):
    reward = Reward("mine", exact_match).with_terms(SoftOverlong(limit=10))
    run = make_run("x")
    assert reward.score([run]) == [Parts(answer=1.0)]
    run.usage.completion_tokens = 20
    assert reward.score([run])[0].total == 0.0


def test_an_unknown_reward_is_named():
    with pytest.raises(RewardError, match="unknown reward 'mine'; known: deep_researcher"):
        get_reward("mine")


@pytest.mark.parametrize("module", [compose])
def test_examples_in_the_docstrings_hold(module):
    assert doctest.testmod(module).failed == 0
