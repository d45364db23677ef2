"""MaskSearch's roles through the graph: real runs over a model server."""

from __future__ import annotations

import asyncio

import pytest
from scripted import FewPages

from langgraph_deepsearch import create_deep_search_agent
from langgraph_deepsearch.curation.filters.turn_shape import TurnShape
from langgraph_deepsearch.nodes.dialects import get_dialect
from langgraph_deepsearch.nodes.roles import ROLES
from langgraph_deepsearch.trace import read_traces

QUESTION = "What is the capital of Peru?"
DIALECTS = ("mask_search", "mask_search:inline", "search_o1", "o2_searcher")


def plays(prompt):
    """Play the roles by what the prompts say."""
    if prompt.startswith("<|im_start|>user\nYou plan"):
        return "Thought: I need the capital.\nSearch: the capital of Peru"
    if prompt.startswith("<|im_start|>user\nYou write queries"):
        return "Query: capital of peru\nQuery: lima city\nQuery: nowhere"
    assert prompt.startswith("<|im_start|>user\nYou judge"), prompt
    if "The capital of Peru is Lima." in prompt:
        return "Thought: It is Lima.\nSufficient: yes\nAnswer: Lima"
    return "Sufficient: no\nMissing: the capital"


@pytest.fixture
def run(fake_server, tmp_path):
    def ask(dialect, script=plays, *, is_async=False, **settings):
        fake_server.script(script)
        agent = create_deep_search_agent(
            "fake-model",
            base_url=fake_server.base_url,
            search=FewPages(),
            dialect=dialect,
            roles="mask_search",
            condenser="none",
            trace_dir=str(tmp_path),
            **settings,
        )
        asked = {"question": QUESTION}
        output = asyncio.run(agent.ainvoke(asked)) if is_async else agent.invoke(asked)
        *_, trace = read_traces(tmp_path)
        return output, trace

    return ask


@pytest.mark.parametrize("is_async", [False, True])
def test_roles_leave_a_trace_in_the_dialect(run, is_async):
    output, trace = run("mask_search", is_async=is_async)
    assert (output["answer"], output["stop_reason"]) == ("Lima", "answered")
    assert [c.step for c in trace.children] == ["planner", "rewriter", "observer"]
    assert [c.turn for c in trace.children] == [1, 1, 2]
    assert {c.step for c in trace.children} == set(ROLES)
    child = trace.children[0]
    assert child.model == "fake-model"
    assert [s.trainable for s in child.segments] == [False, True]
    assert child.segments[-1].token_ids
    assert child.completion_tokens > 0
    assert trace.usage.child_completion_tokens == sum(
        c.completion_tokens for c in trace.children
    )
    assert [s.query for s in trace.searches] == ["capital of peru", "lima city", "nowhere"]
    written = [s.text for s in trace.segments if s.trainable]
    assert "".join(written) == (
        "<think>I need the capital.</think>\n<search> "
        '[{"query": "capital of peru", "intent": 1}, {"query": "lima city", "intent": 1}, '
        '{"query": "nowhere", "intent": 1}] </search>'
        "<think>It is Lima.</think>\n<answer> Lima </answer>"
    )
    assert trace.settings["roles"] == "mask_search"
    assert (trace.model, trace.usage.turns, trace.usage.estimated) == (
        "fake-model",
        2,
        True,
    )


@pytest.mark.parametrize("dialect", DIALECTS)
def test_any_dialect_can_be_written(run, dialect):
    output, trace = run(dialect)
    assert output["answer"] == "Lima"
    spoken = get_dialect(dialect)
    assert TurnShape(thinking="optional").reason(trace, spoken) is None
    kinds = [s.kind for s in trace.segments if s.turn]
    assert kinds == ["reason", "query", "result", "reason", "answer"]


def test_a_missing_fact_is_planned_again_until_the_rounds_end(run):
    def never(prompt):
        if "You judge" in prompt and "must be given now" in prompt:
            return "Answer: perhaps Lima"
        said = plays(prompt)
        return "Sufficient: no\nMissing: all of it" if "You judge" in prompt else said

    output, trace = run("mask_search", never)
    assert (output["answer"], output["stop_reason"]) == ("perhaps Lima", "turn_limit")
    steps = [c.step for c in trace.children]
    assert steps.count("planner") == steps.count("rewriter") == 5
    assert steps.count("observer") == 5
    planned = [c.segments[0].text for c in trace.children if c.step == "planner"]
    assert "Still missing: all of it" in planned[1]
    # The same queries again are told to be so, not run again.
    assert len(trace.searches) == 3
    last = [s for s in trace.segments if s.kind == "answer"]
    assert [s.text for s in last] == ["<answer> perhaps Lima </answer>"]


def test_a_forced_answer_inline_goes_on_after_its_opening(run):
    def never(prompt):
        if "You judge" in prompt:
            return "Sufficient: no\nAnswer: Lima"
        return plays(prompt)

    output, trace = run("mask_search:inline", never, max_turns=1)
    assert (output["answer"], output["stop_reason"]) == ("Lima", "turn_limit")
    assert trace.output_text.endswith("<answer> Lima </answer>")
    assert trace.children[-1].turn == 2


def test_a_failing_role_fails_the_run(fake_server, run):
    fake_server.fail(400, "no such thing", 99)
    with pytest.raises(Exception, match="no such thing"):
        run("mask_search")
