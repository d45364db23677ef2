"""The stand-in for a large model that plays the roles, over real search."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_deepsearch.curation.filters.turn_shape import TurnShape
from langgraph_deepsearch.evals.metrics import outcome
from langgraph_deepsearch.graph.deep_search import create_deep_search_agent
from langgraph_deepsearch.graph.rollout import RolloutEngine
from langgraph_deepsearch.nodes.dialects import get_dialect
from langgraph_deepsearch.nodes.roles.call import Task
from langgraph_deepsearch.nodes.roles.planner import plan_call
from langgraph_deepsearch.questions import Question, read_questions
from langgraph_deepsearch.trace import read_traces
from langgraph_deepsearch.world.teacher import TeacherError
from langgraph_deepsearch.world.teacher_roles import RoleTeacher

MASKED = Question(
    "ramp-1",
    "Some words were replaced by [mask].\n\nPassage: Kerrin Oak was born in [mask] in [mask].",
    ("Vessel Bay; 1940",),
    {"masks": 2, "spans": ["Vessel Bay", "1940"]},
)


def rollouts(questions, out, search, dialect="mask_search:inline"):
    agent = create_deep_search_agent(
        RoleTeacher.for_questions(questions),
        search=search,
        dialect=dialect,
        roles="mask_search",
        condenser="none",
        top_k=3,
    )
    progress = RolloutEngine(agent, out, scorer=outcome).run(questions)
    assert not progress.failed
    return list(read_traces(out))


def test_it_answers_desk_questions_in_the_dialect(world, tmp_path):
    questions = read_questions(world.path / "questions.jsonl")[:40]
    traces = rollouts(questions, tmp_path, f"corpus:{world.path / 'corpus.jsonl'}")
    assert len(traces) == 40
    right = [trace for trace in traces if trace.outcome["em"] == 1]
    assert len(right) >= 20
    dialect = get_dialect("mask_search:inline")
    for trace in right:
        assert TurnShape().reason(trace, dialect) is None
        assert {c.step for c in trace.children} == {"planner", "rewriter", "observer"}
        assert trace.usage.turns <= 5
    assert any(len(t.searches) > t.usage.turns for t in right)


def test_it_fills_masks(tmp_path):
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_text(
        '{"id": "1", "title": "Kerrin Oak", "text": "Kerrin Oak was born in Vessel Bay in '
        '1940."}\n'
    )
    (trace,) = rollouts([MASKED], tmp_path / "run", f"corpus:{corpus}")
    assert (trace.answer, trace.outcome["em"]) == ("Vessel Bay; 1940", 1.0)
    assert trace.metadata["masks"] == 2
    assert "mask 1 is Vessel Bay; mask 2 is 1940." in trace.output_text.lower().replace(
        "vessel bay", "Vessel Bay"
    )


def test_it_does_not_say_what_was_not_found(tmp_path):
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_text(
        '{"id": "1", "title": "Oak", "text": "Kerrin Oak was born in a town."}\n'
    )
    (trace,) = rollouts([MASKED], tmp_path / "run", f"corpus:{corpus}")
    assert trace.stop_reason == "turn_limit"
    assert "1940" not in trace.output_text


def test_it_knows_its_own_questions_and_prompts_alone():
    teacher = RoleTeacher.for_questions([MASKED])
    with pytest.raises(TeacherError, match="does not know the question"):
        teacher.reply(plan_call(Task("Who?")).prompt)
    with pytest.raises(TeacherError, match="alone"):
        teacher.reply(MASKED.question)
    with pytest.raises(TeacherError, match="neither masked `spans` nor"):
        RoleTeacher.for_questions([Question("q", "Who?", ("A",))])
    with pytest.raises(TeacherError, match="no questions"):
        RoleTeacher.for_questions([])


@given(st.integers(0, 4))
def test_masks_and_spans_must_agree(count):
    spans = ["a"] * count
    asked = Question("q", "Passage: x [mask] y [mask] z", ("a",), {"spans": spans})
    if count == 2:
        assert RoleTeacher.for_questions([asked])
        return
    with pytest.raises(TeacherError, match="2 masks"):
        RoleTeacher.for_questions([asked])
