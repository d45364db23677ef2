"""`deepsearch ask` with dialects that read pages by address, on a corpus and no web."""

from __future__ import annotations

import json

import pytest

from langgraph_deepsearch.trace import read_traces

QUESTION = "What is the capital of Peru?"
TEXT = (
    "Peru is a country. " + "It has mountains and a coast. " * 20 + "Its capital is Lima."
)
"""Longer than a snippet, so that the answer has to be read."""

READS = {
    "web_dancer": [
        '<think>\nI look.\n</think>\n<tool_call>\n{"name": "search", "arguments": {"query": '
        '["coast"]}}\n</tool_call>',
        '<think>\nI read.\n</think>\n<tool_call>\n{"name": "visit", "arguments": {"url": '
        '["corpus:1", "corpus:2"], "goal": "the capital"}}\n</tool_call>',
        "<think>\nSo.\n</think>\n<answer>\nLima\n</answer>",
    ],
    "deep_researcher": [
        'I look.</think>\n<tool_call>\n{"name": "web_search", "arguments": {"query": '
        '["coast"]}}\n</tool_call>',
        'I read.</think>\n<tool_call>\n{"name": "browse_webpage", "arguments": '
        '{"url_list": ["corpus:1", "corpus:2"]}}\n</tool_call>',
        "So.</think>\n<answer>Lima</answer>",
    ],
}
CLICKS = [
    "I look. <|begin_search_query|>coast<|end_search_query|>",
    "I open it: the capital. <|begin_click_link|>corpus:1<|end_click_link|>",
    json.dumps({"rational": "r", "evidence": "It is Lima.", "summary": "Lima."}),
    "Clear.\n\n**Final Information**\nIts capital is Lima.",
    "So.</think>\n\n\\boxed{Lima}",
]


@pytest.fixture
def ask(deepsearch, fake_server, tmp_path):
    corpus = tmp_path / "corpus.jsonl"
    record = {"id": "1", "title": "Peru", "text": TEXT}
    corpus.write_text(json.dumps(record) + "\n", encoding="utf-8")

    def run(dialect, replies, *settings):
        fake_server.script(replies)
        pairs = (f"trace_dir={tmp_path}", "page_condenser=extractive", *settings)
        return deepsearch(
            *("ask", QUESTION, "--json", "--dialect", dialect),
            *("--base-url", fake_server.base_url, "--search", f"corpus:{corpus}?snippets"),
            *(f"--set={pair}" for pair in pairs),
        )

    run.corpus, run.folder = corpus, tmp_path
    return run


@pytest.mark.parametrize("dialect", sorted(READS))
def test_pages_are_read_by_the_addresses_that_the_search_showed(dialect, ask, fake_server):
    done = ask(dialect, READS[dialect], f"reader=corpus:{ask.corpus}")
    assert done.code == 0, done.err
    assert json.loads(done.out)["answer"] == "Lima"
    searched, read = [r["prompt"] for r in fake_server.generations()][1:]
    assert "corpus:1" in searched
    assert "Its capital is Lima." not in searched
    assert "Its capital is Lima." in read
    (trace,) = read_traces(ask.folder / "traces.jsonl")
    assert [(r.url, r.error is None) for r in trace.reads] == [
        ("corpus:1", True),
        ("corpus:2", False),
    ]
    assert "holds no text under this address" in trace.reads[1].error
    assert "holds no text" not in read  # a failure is never shown as a finding


def test_web_thinkers_explorer_opens_them(ask, fake_server):
    settings = (f"reader=corpus:{ask.corpus}", "read_pages=false")
    done = ask("web_thinker", CLICKS, *settings, "page_condenser=goal_extractor")
    assert done.code == 0, done.err
    assert json.loads(done.out)["answer"] == "Lima"
    _, looked, extractor, explored, _ = fake_server.generations()
    assert "corpus:1" in looked["prompt"]
    assert "Its capital is Lima." not in looked["prompt"]
    assert "Its capital is Lima." in str(extractor)  # what reads the page for the explorer
    assert "It is Lima." in explored["prompt"].rpartition("<|begin_click_result|>")[2]


def test_a_search_reads_what_it_found(ask, fake_server):
    replies = ["<search> Peru coast </search>", "<answer> Lima </answer>"]
    done = ask("search_r1", replies, f"reader=corpus:{ask.corpus}", "read_pages=true")
    assert json.loads(done.out)["answer"] == "Lima", done.err
    assert "Its capital is Lima." in fake_server.generations()[-1]["prompt"]


@pytest.mark.parametrize(
    ("spec", "message"),
    [("moon", "use web or corpus:PATH"), ("corpus:/nowhere", "no corpus file")],
)
def test_a_bad_reader_is_said_before_a_model_writes(spec, message, ask, fake_server):
    done = ask("web_dancer", [], f"reader={spec}")
    assert done.code == 1
    assert message in done.err
    assert fake_server.generations() == []
