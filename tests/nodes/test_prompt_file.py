"""An original's text in place of a dialect's own words."""

from __future__ import annotations

import json

import pytest

from langgraph_deepsearch.errors import DeepSearchError
from langgraph_deepsearch.nodes.dialects import get_dialect
from langgraph_deepsearch.nodes.prompt_file import read_instruction

SEARCH_R1, RESEARCH = get_dialect("search_r1"), get_dialect("research")


@pytest.fixture
def write(tmp_path):
    def file(name, text):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return file


def test_none_leaves_the_dialects_own_words():
    assert read_instruction(None, SEARCH_R1) is None


def test_a_text_stands_in_for_the_instruction(write):
    path = write("original.txt", "STAND-IN {question} \\boxed{X}")
    instruction = read_instruction(path, SEARCH_R1)
    assert SEARCH_R1.prompt("Who?", instruction=instruction) == [
        {"role": "user", "content": "STAND-IN Who? \\boxed{X}"}
    ]


def test_a_system_text_needs_no_question_where_the_users_message_is_it(write):
    path = write("original.txt", "STAND-IN system text")
    instruction = read_instruction(path, RESEARCH)
    assert RESEARCH.prompt("Who?", instruction=instruction) == [
        {"role": "system", "content": "STAND-IN system text"},
        {"role": "user", "content": "Who?"},
    ]


def test_a_list_of_messages_is_the_whole_prompt(write):
    messages = [
        {"role": "system", "content": "STAND-IN {today}"},
        {"role": "user", "content": "Q: {question}"},
    ]
    instruction = read_instruction(write("original.json", json.dumps(messages)), SEARCH_R1)
    assert SEARCH_R1.prompt("Who?", instruction=instruction, today="2026-01-02") == [
        {"role": "system", "content": "STAND-IN 2026-01-02"},
        {"role": "user", "content": "Q: Who?"},
    ]


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("a.txt", "no question here", "lacks {question}"),
        ("a.json", "[not json", "not valid JSON"),
        ("a.json", '{"role": "user", "content": "{question}"}', "no list of messages"),
        ("a.json", "[]", "no list of messages"),
        ("a.json", '[{"role": "boss", "content": "{question}"}]', "no list of messages"),
        ("a.json", '[{"role": "user", "content": "x"}]', "lacks {question}"),
    ],
)
def test_a_file_that_cannot_serve_is_one_clear_line(write, name, text, line):
    with pytest.raises(DeepSearchError, match=line) as caught:
        read_instruction(write(name, text), SEARCH_R1)
    assert "\n" not in str(caught.value)


def test_an_absent_file_is_named(tmp_path):
    with pytest.raises(DeepSearchError, match="no prompt file at"):
        read_instruction(tmp_path / "absent.txt", SEARCH_R1)


def test_a_file_in_another_encoding_is_told_in_one_line(tmp_path):
    path = tmp_path / "original.txt"
    path.write_bytes("Frage: {question} für".encode("latin-1"))
    with pytest.raises(DeepSearchError, match=r"original\.txt is not UTF-8 text"):
        read_instruction(path, SEARCH_R1)
