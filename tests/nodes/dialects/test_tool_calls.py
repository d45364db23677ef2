"""The tool-call family: a thought may name the tags, whether or not the model closes it."""

from __future__ import annotations

import json

import pytest

from langgraph_deepsearch.nodes.dialects import get_dialect
from langgraph_deepsearch.nodes.dialects.base import Action
from langgraph_deepsearch.nodes.dialects.parts.tool_calls import read_call

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


@EVERY
def test_a_call_may_ask_about_a_tag(dialect):
    action = Action("search", queries=("what does the <think> tag do",))
    called = dialect.format_action(action)
    text = f"{opened(dialect)}I look.</think>\n{called}"
    assert dialect.parse(text).queries == ("what does the <think> tag do",)
    (thought, query) = dialect.split_turn(text)
    assert text[query.start : query.end] == called
    assert thought.end == query.start


@EVERY
def test_a_call_in_an_open_thought_is_read_once_however_many_tokens_follow(dialect):
    calls = [f'<tool_call>{{"name": "no tool", "n": {n}}}</tool_call>' for n in range(40)]
    read_call.cache_clear()
    text = opened(dialect)
    for piece in calls:
        for half in (piece[:20], piece[20:]):
            text += half
            assert dialect.first_action_end(text) is None
    assert read_call.cache_info().misses == len(calls)


@EVERY
def test_a_thought_after_a_call_that_never_ends_hides_what_it_names(dialect):
    thought = "<think>Is it <answer>Peru</answer>? <tool_call>x</tool_call> No.</think>"
    text = f"{opened(dialect)}a</think>\n<tool_call>\n{thought}\n<answer>Lima</answer>"
    assert dialect.first_action_end(text) == len(text)
    assert dialect.extract_answer(text) == "Lima"


@pytest.mark.parametrize(
    ("said", "queries"),
    [
        ("1234567890123456", ("1234567890123456",)),
        ("NaN", ("NaN",)),
        ("[1999, 2001]", ("1999", "2001")),
        ("{'queries': ('a', 'b')}", ("a", "b")),
    ],
)
def test_numbers_and_tuples_are_queries(said, queries):
    assert get_dialect("mask_search").parse(f"<search>{said}</search>").queries == queries


@pytest.mark.parametrize("value", ["[0x" + "f" * 5000 + "]", "[...]", "[None, true]"])
def test_no_query_is_made_of_what_is_no_text(value):
    action = get_dialect("mask_search").parse(f"<search>{value}</search>")
    assert all(len(query) < 5010 for query in action.queries)
    assert action.kind in ("search", "invalid")


@EVERY
def test_a_goal_is_a_text_or_none(dialect):
    url = "http://w.test/a"
    for goal in ("[0x" + "f" * 5000 + "]", "{'a': 1}", "7"):
        tool = next(tool for tool in dialect.tools if tool.kind == "read")
        called = f"{{'name': '{tool.name}', 'arguments': {{'{tool.argument}': ['{url}']"
        if tool.goal:
            called += f", '{tool.goal}': {goal}"
        action = dialect.parse(
            f"{opened(dialect)}x</think><tool_call>{called}}}}}</tool_call>"
        )
        assert (action.kind, action.url, action.goal) == ("read", url, "")
