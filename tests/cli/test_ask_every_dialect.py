"""`deepsearch ask --dialect NAME` for every dialect there is, those yet to be written too."""

from __future__ import annotations

import json

import pytest

from langgraph_deepsearch.nodes.dialects import (
    Action,
    get_dialect,
    list_dialects,
    list_variants,
)

NAMES = [name for main in list_dialects() for name in (main, *list_variants(main))]
QUESTION = "What is the capital of Peru?"


def test_there_are_the_surveys_twelve():
    assert len(list_dialects()) >= 12


@pytest.mark.parametrize("name", NAMES)
def test_a_question_is_searched_for_and_answered(deepsearch, fake_server, tmp_path, name):
    corpus = tmp_path / "corpus.jsonl"
    record = {"id": "1", "title": "Peru", "text": "Lima is the capital of Peru."}
    corpus.write_text(json.dumps(record) + "\n", encoding="utf-8")
    dialect = get_dialect(name)
    fake_server.script(
        [
            dialect.format_turn("I look.", Action("search", queries=("capital of Peru",))),
            dialect.format_turn("So it is.", Action("answer", text="Lima")),
        ]
    )
    done = deepsearch(
        *("ask", QUESTION, "--json", "--dialect", name, "--condenser", "extractive"),
        *("--base-url", fake_server.base_url, "--search", f"corpus:{corpus}"),
    )
    assert done.code == 0, done.err
    said = json.loads(done.out)
    assert (said["answer"], said["stop_reason"]) == ("Lima", "answered")
    assert [source["title"] for source in said["sources"]] == ["Peru"]
    first, second = (request["prompt"] for request in fake_server.generations())
    assert QUESTION in first
    assert "Lima is the capital of Peru." in second
