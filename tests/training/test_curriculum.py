from __future__ import annotations

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_deepsearch.questions import Question
from langgraph_deepsearch.training import curriculum
from langgraph_deepsearch.training.curriculum import (
    CURRICULA,
    CurriculumError,
    NoiseSchedule,
    get_curriculum,
    plan_questions,
)
from langgraph_deepsearch.training.rewards import list_rewards


def questions(count, **metadata):
    return [Question(f"q{n}", f"What is {n}?", ("x",), metadata) for n in range(count)]


def plan(asked, name="plain", **changes):
    values = {"steps": 6, "per_step": 3, "reward": "search_r1", "seed": 0}
    return plan_questions(asked, get_curriculum(name), **{**values, **changes})


@given(count=st.integers(3, 20), steps=st.integers(1, 12), seed=st.integers(0, 3))
def test_every_step_is_full_and_asks_no_question_twice(count, steps, seed):
    found = plan(questions(count), steps=steps, seed=seed)
    assert len(found) == steps * 3
    for start in range(0, len(found), 3):
        assert len({p.question.id for p in found[start : start + 3]}) == 3
    assert found == plan(questions(count), steps=steps, seed=seed)
    asked = [p.question.id for p in found]
    counts = [asked.count(q) for q in set(asked)]
    assert max(counts) - min(counts) <= 2


def test_r1_searchers_stages_follow_each_other_in_proportion():
    found = plan(questions(10), "r1_searcher", steps=50)
    rewards = [p.reward for p in found]
    change = rewards.index("r1_searcher_stage2")
    assert set(rewards[:change]) == {"r1_searcher_stage1"}
    assert set(rewards[change:]) == {"r1_searcher_stage2"}
    assert change == 6  # 350 of 8,498 questions: two of fifty steps


def test_few_masks_come_first():
    asked = [q for n in (4, 3, 2, 1) for q in _masked(n)]
    found = plan(asked, "mask_search", steps=8)
    masks = [p.question.metadata["masks"] for p in found]
    assert masks == sorted(masks)
    assert set(masks) == {1, 2, 3, 4}
    with pytest.raises(CurriculumError, match="stage '1 masks' has 0 questions"):
        plan(questions(9), "mask_search")


def _masked(count):
    return [Question(f"m{count}-{n}", "?", ("x",), {"masks": count}) for n in range(4)]


@given(step=st.integers(0, 100), start=st.floats(0, 0.5), end=st.floats(0.5, 1))
def test_noise_rises_from_its_start_to_its_end(step, start, end):
    noise = NoiseSchedule(start, end)
    assert noise.at(0, 100) == start
    assert noise.at(100, 100) == pytest.approx(end)
    assert start <= noise.at(step, 100) <= end + 1e-9
    assert noise.at(step, 100) <= noise.at(step + 1, 100) + 1e-9


def test_the_curve_is_zero_searchs():
    # p = start + (4^(step/total) - 1) / 3 (end - start)
    assert NoiseSchedule().at(50, 100) == pytest.approx((4**0.5 - 1) / 3 * 0.5)


def test_every_stage_names_a_reward_that_exists():
    for one in CURRICULA.values():
        assert all(s.reward in (None, *list_rewards()) for s in one.stages)
    with pytest.raises(CurriculumError, match="unknown curriculum 'x'; known: plain"):
        get_curriculum("x")


def test_examples_in_the_docstrings_hold():
    assert doctest.testmod(curriculum).failed == 0
