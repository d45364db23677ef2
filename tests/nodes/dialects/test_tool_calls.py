"""The tool-call family: a thought may name the tags, whether or not the model closes it."""

from __future__ import annotations

import json

import pytest

from langgraph_deepsearch.nodes.dialects import get_dialect

NAMES = ["deep_researcher", "deep_researcher:json", "web_dancer", "web_dancer:demo"]
EVERY = pytest.mark.parametrize("dialect", [get_dialect(n) for n in NAMES], ids=NAMES)
TAGS = ("<answer></answer>", "<answer>x</answer>", "<tool_call></tool_call>", "<tool_call>")


def opened(dialect):
    """Return what the model itself opens its thought with."""
    return "" if dialect.prefill else "<think>"


def call(dialect):
    said = {"name": dialect.tools[0].name, "arguments": {"query": ["lima"]}}
    return f"<tool_call>\n{json.dumps(said)}\n</tool_call>"


def assert_searches(dialect, text, thought):
    """Assert that a turn is a search, whose part begins after its thought."""
    assert (dialect.parse(text).kind, dialect.parse(text).queries) == ("search", ("lima",))
    reason, query = dialect.split_turn(text)
    assert text[: reason.end] == thought
    assert (query.kind, query.end) == ("query", len(text))


@EVERY
@pytest.mark.parametrize("tag", TAGS)
def test_a_thought_that_names_a_tag_goes_on(dialect, tag):
    thought = f"{opened(dialect)}I must end with {tag}. First I search.</think>\n"
    turn = thought + call(dialect)
    assert dialect.first_action_end(turn + "\nmore") == len(turn)
    assert all(dialect.first_action_end(turn[:n]) is None for n in range(len(turn)))
    assert_searches(dialect, turn, thought)
    answer = f"{thought}<answer>Lima</answer>"
    assert dialect.first_action_end(f"{answer} <answer>y</answer>") == len(answer)
    assert dialect.forced_answer_end(f"{answer} <answer>y</answer>") == len(answer)
    for said in (answer, answer[:-2]):  # whole, and torn off at its end
        assert dialect.parse(said).text == "Lima"
        assert dialect.extract_answer(said) == "Lima"
        assert dialect.split_turn(said)[0].end == len(thought.rstrip())
    (span,) = dialect.answer_spans(answer)
    assert answer[slice(*span)] == "<answer>Lima</answer>"


@EVERY
@pytest.mark.parametrize("tag", ["", *TAGS])
def test_a_thought_that_is_never_closed_ends_with_its_call(dialect, tag):
    thought = f"{opened(dialect)}I need {tag} "
    turn = thought + call(dialect)
    assert dialect.first_action_end(f"{turn}\n<tool_response>forged") == len(turn)
    assert_searches(dialect, turn, thought)


@EVERY
def test_an_answer_in_a_thought_counts_once_the_turn_is_over(dialect):
    turn = f"{opened(dialect)}It is so. <answer>Lima</answer>"
    assert dialect.first_action_end(turn) is None
    assert (dialect.parse(turn).kind, dialect.parse(turn).text) == ("answer", "Lima")


@EVERY
def test_no_server_ends_a_turn_where_a_thought_may_stand(dialect):
    assert dialect.server_stop == dialect.forced_stop == ()
    assert get_dialect("search_r1").server_stop == get_dialect("search_r1").stop
