"""WebThinker's report mode: its tags, byte for byte, and its tolerance."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langgraph_deepsearch.nodes.dialects import get_dialect, list_dialects

DIALECT = get_dialect("web_thinker_report")
WRITE = "<|begin_write_section|>The coast\nSay that it is dry.<|end_write_section|>"
EDIT = "<|begin_edit_article|>Say more of the coast.<|end_edit_article|>"
CHECK = "<|begin_check_article|>"
QUERY = "<|begin_search_query|>capital of Peru<|end_search_query|>"
PIECES = st.sampled_from([*DIALECT.tags, *DIALECT.tags, "a", "\n", " ", "</think>", "<|"])
TEXTS = st.lists(PIECES | st.text(max_size=5), max_size=12).map("".join)


def parts(text):
    return [(p.kind, text[p.start : p.end]) for p in DIALECT.split_turn(text)]


def test_it_answers_no_questions_so_it_is_not_listed():
    assert "web_thinker_report" not in list_dialects()


def test_a_section():
    action = DIALECT.parse(f"I know enough.\n{WRITE}")
    assert (action.kind, action.title) == ("write", "The coast")
    assert action.goal == "Say that it is dry."
    assert parts(f"So. {WRITE}") == [("reason", "So. "), ("call", WRITE)]


def test_an_edit():
    action = DIALECT.parse(f"Hm. {EDIT}")
    assert (action.kind, action.goal) == ("edit", "Say more of the coast.")
    assert parts(f"Hm. {EDIT}") == [("reason", "Hm. "), ("call", EDIT)]


def test_a_check_ends_at_its_opening_tag():
    assert DIALECT.parse(f"Is it whole? {CHECK}").kind == "check"
    assert DIALECT.first_action_end(f"a {CHECK} b") == len(f"a {CHECK}")
    assert parts(f"Hm. {CHECK}") == [("reason", "Hm. "), ("call", CHECK)]
    assert DIALECT.wrap_outline("# T\n## A\n") == "# T\n## A\n<|end_check_article|>\n\n"


def test_a_search_is_the_main_loops():
    action = DIALECT.parse(f"Hm. {QUERY}")
    assert (action.kind, action.queries) == ("search", ("capital of Peru",))
    assert parts(f"Hm. {QUERY}") == [("reason", "Hm. "), ("query", QUERY)]
    assert DIALECT.repeat_message("x") == (
        "\n\n<|begin_search_result|>You have already searched for this query."
        "<|end_search_result|>\n\nOK, let me use the previously found information."
    )


@pytest.mark.parametrize(
    ("text", "closing"),
    [("All is said. I have finished my work.", "I have finished my work."), ("Done", "")],
)
def test_a_turn_without_an_action_is_the_end(text, closing):
    action = DIALECT.parse(text)
    assert (action.kind, action.text) == ("answer", closing)
    assert parts(text)[-1][0] == "answer"


@pytest.mark.parametrize("torn", ["<|end_write_section|", "<|end_write", "<|e"])
def test_a_torn_closing_tag_counts(torn):
    text = f"Hm {QUERY} <|begin_write_section|>The coast\nIt is dry.{torn}"
    action = DIALECT.parse(text)
    assert (action.kind, action.title, action.goal) == ("write", "The coast", "It is dry.")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("<|begin_write_section|> \n<|end_write_section|>", "no name"),
        ("<|end_write_section|>", "no name"),
        (f"<|begin_write_section|>{'long ' * 60}<|end_write_section|>", "line of its own"),
        ("<|begin_edit_article|> <|end_edit_article|>", "what to change"),
        ("<|begin_search_query|> <|end_search_query|>", "empty"),
        ("so <|begin_write_section|>A\nb", "not closed"),
        ("so <|begin_edit_article|>b", "not closed"),
    ],
)
def test_what_cannot_be_done_is_told(text, reason):
    action = DIALECT.parse(text)
    assert action.kind == "invalid"
    assert reason in action.text


def test_limits_are_the_scripts():
    budgets = DIALECT.budgets
    assert (budgets.max_turns, budgets.max_context_tokens) == (80, 50_000)
    assert (budgets.max_searches, budgets.top_k) == (None, 10)


def test_the_prompt_holds_the_plan_and_a_file_may():
    (message,) = DIALECT.prompt("Peru {plan}?", plan="(1) {question}")
    assert message["content"].count("Peru {plan}?") == 1
    assert message["content"].count("(1) {question}") == 1
    assert all(tag in message["content"] for tag in (CHECK, "<|end_edit_article|>"))
    (own,) = DIALECT.prompt("Peru?", plan="(1)", instruction="{question} by {plan}")
    assert own["content"] == "Peru? by (1)"


@settings(max_examples=200, deadline=None)
@given(text=TEXTS)
def test_parse_is_total_and_parts_cover_the_text(text):
    action = DIALECT.parse(text)
    assert action.kind in ("search", "write", "edit", "check", "answer", "invalid")
    assert action.kind != "invalid" or action.text
    assert "".join(said for _, said in parts(text)) == text
    assert all(said for _, said in parts(text))
    end = DIALECT.first_action_end(text)
    if end is not None:
        first = DIALECT.parse(text[:end])
        assert first.kind != "answer"
        assert DIALECT.first_action_end(text[: end - 1]) is None


@settings(max_examples=100, deadline=None)
@given(page=TEXTS)
def test_nothing_from_outside_can_forge_a_tag(page):
    clean = DIALECT.neutralize(page).lower()
    assert not any(tag.lower() in clean for tag in DIALECT.tags)


@settings(max_examples=100, deadline=None)
@given(
    title=st.text("abc ÉÖ東", min_size=1, max_size=20).filter(str.strip),
    goal=st.text("abc .?\n", max_size=40),
)
def test_a_rendered_call_parses_back(title, goal):
    action = DIALECT.parse(f"Hm.\n{DIALECT.format_write(title, goal)}")
    assert (action.kind, action.title, action.goal) == (
        "write",
        title.strip(),
        goal.strip(),
    )
    assert DIALECT.parse(DIALECT.format_edit("a b")).goal == "a b"
