"""`deepsearch ask --dialect NAME` for the dialects that call tools or explore, as typed."""

from __future__ import annotations

import json

import pytest

QUESTION = "What is the capital of Peru?"

CASES = {
    "web_dancer": [
        '<think>\nI look.\n</think>\n<tool_call>\n{"name": "search", "arguments": {"query": '
        '["capital of Peru"]}}\n</tool_call>',
        "<think>\nSo.\n</think>\n<answer>\nLima\n</answer>",
    ],
    "deep_researcher": [
        'I look.</think>\n<tool_call>\n{"name": "web_search", "arguments": {"query": '
        '["capital of Peru"]}}\n</tool_call>',
        "So.</think>\n<answer>Lima</answer>",
    ],
    "o2_searcher": [
        "<think>I look.</think>\n<search>\n<query>capital of Peru</query>\n</search>",
        "- Its capital is Lima.",
        "<think>So.</think>\n<answer>Lima</answer>",
    ],
    "web_thinker": [
        "I look. <|begin_search_query|>capital of Peru<|end_search_query|>",
        "Clear.\n\n**Final Information**\nIts capital is Lima.",
        "So.</think>\n\n\\boxed{Lima}",
    ],
}


@pytest.fixture
def corpus(tmp_path):
    path = tmp_path / "corpus.jsonl"
    record = {"id": "1", "title": "Peru", "text": "Lima is the capital of Peru."}
    path.write_text(json.dumps(record) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("dialect", sorted(CASES))
def test_a_question_is_answered(deepsearch, fake_server, corpus, dialect):
    fake_server.script(CASES[dialect])
    done = deepsearch(
        "ask",
        QUESTION,
        *("--dialect", dialect, "--base-url", fake_server.base_url),
        *("--search", f"corpus:{corpus}", "--json"),
    )
    assert done.code == 0, done.err
    said = json.loads(done.out)
    assert (said["answer"], said["stop_reason"]) == ("Lima", "answered")
    assert [source["title"] for source in said["sources"]] == ["Peru"]
    assert "Lima" in fake_server.generations()[-1]["prompt"]
