from __future__ import annotations

import doctest

import pytest

pytest.importorskip("torch", reason="training needs torch")

import torch
from hypothesis import given
from hypothesis import strategies as st

from langgraph_deepsearch.training import advantages as module
from langgraph_deepsearch.training.advantages import (
    advantages,
    normalized,
    rewards_to_go,
)

REWARDS = st.integers(2, 4).flatmap(
    lambda size: st.lists(
        st.lists(st.sampled_from([-2.0, 0.0, 0.5, 1.0]), min_size=size, max_size=size),
        min_size=1,
        max_size=4,
    )
)


@given(groups=REWARDS)
def test_advantages_sum_to_0_and_keep_the_order(groups):
    size = len(groups[0])
    rewards = torch.tensor(groups).flatten()
    for estimator in ("group", "group_baseline", "batch"):
        found = advantages(rewards, size, estimator)
        assert found.sum().item() == pytest.approx(0.0, abs=1e-3)
        for number, group in enumerate(groups):
            own = found[number * size : (number + 1) * size].tolist()
            for a, x in zip(group, own, strict=True):
                for b, y in zip(group, own, strict=True):
                    assert a <= b or x > y or abs(x - y) < 1e-5


def test_estimators_differ_where_the_algorithms_do():
    rewards = torch.tensor([1.0, 1.0, 0.0, 2.0])
    group = advantages(rewards, 2, "group")
    assert group[:2].tolist() == [0.0, 0.0]  # nothing to learn in the first group
    assert group[3].item() == pytest.approx(0.7071, abs=1e-3)
    centred = advantages(rewards, 2, "group_baseline")
    assert centred[:2].abs().max() < 1e-6
    assert centred[3].item() == pytest.approx(1 / 0.8165, abs=1e-3)
    assert advantages(rewards, 2, "batch")[0].item() == pytest.approx(0.0, abs=1e-6)
    wrong = advantages(torch.tensor([-2.0, -2.0, 1.0, 1.0]), 2, "batch")
    assert wrong[0] < 0 < wrong[2]  # plain REINFORCE++ tells whole groups apart


@pytest.mark.parametrize("reward", [0.1, 0.3, 0.9, 1 / 3])
def test_rounding_of_equal_rewards_teaches_nothing(reward):
    rewards = torch.full((16,), reward)
    for estimator in ("group", "group_baseline", "batch"):
        assert not advantages(rewards, 8, estimator).any()
    rewards[-1] = 0.0
    for estimator in ("group", "group_baseline"):
        found = advantages(rewards, 8, estimator)
        assert not found[:8].any()
        assert found[8:].all()


def test_equal_rewards_teach_nothing():
    for estimator in ("group", "group_baseline", "batch"):
        assert advantages(torch.ones(6), 3, estimator).abs().max() == 0.0


def test_the_divergence_to_come_is_taken_off_the_reward():
    divergence = torch.tensor([[1.0, 5.0, 2.0]])
    mask = torch.tensor([[1, 0, 1]])  # the token in the middle is the graph's
    found = rewards_to_go(torch.tensor([1.0]), divergence, mask, beta=0.1)
    assert found.tolist()[0] == pytest.approx([0.7, 0.0, 0.8])


def test_masked_values_do_not_count():
    values = torch.tensor([[1.0, 100.0], [3.0, -50.0]])
    mask = torch.tensor([[1, 0], [1, 0]])
    found = normalized(values, mask)
    assert found[:, 1].tolist() == [0.0, 0.0]
    assert found[0, 0] == -found[1, 0] < 0


def test_examples_in_the_docstrings_hold():
    assert doctest.testmod(module).failed == 0
