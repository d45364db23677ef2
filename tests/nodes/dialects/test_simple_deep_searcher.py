"""SimpleDeepSearcher's wire format, byte for byte, and its tolerance."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_deepsearch.nodes.dialects import UnknownDialectError, get_dialect
from langgraph_deepsearch.nodes.dialects.parts.boxed import last_boxed

DIALECT = get_dialect("simple_deep_searcher")
QUERY = "<|begin_search_query|>capital of Peru<|end_search_query|>"


def test_wire_strings():
    assert DIALECT.stop == ("<|end_search_query|>",)
    assert DIALECT.render_results("Lima.") == (
        "\n\n<|begin_search_result|>Lima.<|end_search_result|>\n\n"
    )
    assert DIALECT.limit_message(10) == (
        "\n<|begin_search_result|>\nThe maximum search limit is exceeded. You are not "
        "allowed to search.\n<|end_search_result|>\n"
    )
    assert DIALECT.repeat_message("q") == (
        "\n<|begin_search_result|>\nYou have searched this query. Please refer to previous "
        "results.\n<|end_search_result|>\n"
    )


def test_a_turn_that_searches():
    text = f"I need it. {QUERY}"
    action = DIALECT.parse(text)
    assert (action.kind, action.queries) == ("search", ("capital of Peru",))
    assert [(p.kind, text[p.start : p.end]) for p in DIALECT.split_turn(text)] == [
        ("reason", "I need it. "),
        ("query", QUERY),
    ]


def test_a_torn_closing_tag_counts():
    for torn in ("<|end_search_query", "<|end", "<|end_search_query|"):
        action = DIALECT.parse(f"Hm <|begin_search_query|>capital of Peru{torn}")
        assert action.queries == ("capital of Peru",)
    assert DIALECT.parse("<|begin_search_query|>a < b").kind == "invalid"


def test_nothing_of_use_is_told_in_the_originals_words():
    assert DIALECT.empty_message() == "No helpful information found."


def test_the_last_query_counts():
    text = f"{QUERY} or rather <|begin_search_query|> Lima <|end_search_query|>\n"
    assert DIALECT.parse(text).queries == ("Lima",)


@pytest.mark.parametrize(
    "text",
    [
        "<|begin_search_query|> <|end_search_query|>",
        "no opening<|end_search_query|>",
        "<|begin_search_query|>never closed",
        "nothing at all",
        "",
    ],
)
def test_what_cannot_be_acted_on_is_invalid_and_says_why(text):
    action = DIALECT.parse(text)
    assert action.kind == "invalid"
    assert action.text


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (r"so \boxed{Lima}", "Lima"),
        (r"\boxed{\text{New York}}", "New York"),
        (r"\boxed{A} or \boxed{B}", "B"),
        (r"\boxed{Foo (band)}", "Foo (band)"),
        ("\\boxed{two\nlines}", "two\nlines"),
        (r"\boxed{{nested} braces}", "{nested} braces"),
        (r"\boxed{A} and \boxed{unclosed", "A"),
        ("no box", None),
    ],
)
def test_answers(text, answer):
    assert DIALECT.extract_answer(text) == answer


def test_an_answer_after_thinking_starts_after_the_closing_tag():
    text = "I know.</think>\n\n\\boxed{Lima}"
    parts = [(p.kind, text[p.start : p.end]) for p in DIALECT.split_turn(text)]
    assert parts == [("reason", "I know.</think>"), ("answer", "\n\n\\boxed{Lima}")]


PIECES = st.sampled_from(
    [*DIALECT.tags, "\\boxed{", "}", "{", "</think>", "a", " ", "\n", "<|", "|>"]
)
TEXTS = st.lists(PIECES | st.text(max_size=5), max_size=12).map("".join)


@given(TEXTS)
def test_parse_is_total_and_parts_cover_the_text(text):
    assert DIALECT.parse(text).kind in ("search", "answer", "invalid")
    parts = DIALECT.split_turn(text)
    assert "".join(text[p.start : p.end] for p in parts) == text


@given(TEXTS)
def test_nothing_a_page_says_can_forge_a_tag(text):
    clean = DIALECT.neutralize(text)
    assert not any(tag.lower() in clean.lower() for tag in DIALECT.tags)


@given(TEXTS)
def test_the_first_action_ends_with_a_stop_string(text):
    end = DIALECT.first_action_end(text)
    if end is None:
        assert "<|end_search_query|>" not in text
    else:
        assert text[:end].endswith("<|end_search_query|>")
        assert text[:end].count("<|end_search_query|>") == 1


QUERIES = st.text(min_size=1).map(str.strip).filter(bool)


@given(QUERIES.filter(lambda q: not any(tag in q for tag in DIALECT.tags)))
def test_a_rendered_query_parses_back(query):
    assert DIALECT.parse("x" + DIALECT.format_query(query)).queries == (query,)


@given(st.text(alphabet="abc {}", max_size=20))
def test_a_balanced_answer_comes_back_from_its_box(answer):
    depth, balanced = 0, True
    for character in answer:
        depth += (character == "{") - (character == "}")
        balanced = balanced and depth >= 0
    if balanced and depth == 0:
        assert last_boxed(DIALECT.format_answer(answer)) == answer.strip()


def test_a_prompt_file_replaces_the_instruction():
    messages = DIALECT.prompt(
        "Who?", instruction=r"Max {max_searches}. {question} \boxed{X}", max_searches=4
    )
    assert messages == [{"role": "user", "content": r"Max 4. Who? \boxed{X}"}]


def test_a_question_with_braces_stays_as_asked():
    assert (
        "What is {max_searches}?" in DIALECT.prompt("What is {max_searches}?")[0]["content"]
    )


def test_an_unknown_dialect_lists_the_known():
    with pytest.raises(UnknownDialectError, match="simple_deep_searcher"):
        get_dialect("klingon")
