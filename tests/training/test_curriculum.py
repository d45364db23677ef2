from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_deepsearch.questions import Question
from langgraph_deepsearch.training.curriculum import (
    CURRICULA,
    CurriculumError,
    get_curriculum,
    plan_questions,
    shared_stages,
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


def test_r1_searchers_stages_ask_the_questions_that_name_them():
    asked = [
        Question(f"{stage}-{n}", "?", ("x",), {"stage": stage})
        for stage in (1, "2")
        for n in range(8)
    ]
    found = plan(asked, "r1_searcher", steps=50)
    for planned in found:
        first = planned.reward == "r1_searcher_stage1"
        assert planned.question.id.startswith("1-" if first else "2-")
    curriculum = get_curriculum("r1_searcher")
    assert shared_stages(asked, curriculum) == ""
    said = "4 of 20 questions name no `stage` and are asked in every stage"
    assert shared_stages([*asked, *questions(4)], curriculum) == said
    assert shared_stages(questions(4), get_curriculum("plain")) == ""
    with pytest.raises(CurriculumError, match="'retrieval' has 0 questions with stage in"):
        plan(asked[8:], "r1_searcher")


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


def test_every_stage_names_a_reward_that_exists():
    for one in CURRICULA.values():
        assert all(s.reward in (None, *list_rewards()) for s in one.stages)
    with pytest.raises(CurriculumError, match="unknown curriculum 'x'; known: plain"):
        get_curriculum("x")
