"""Linked pages, and a model on a real server."""

from __future__ import annotations

from pathlib import Path

import pytest

from langgraph_deepsearch.curation.asking import Asker
from langgraph_deepsearch.curation.synthesis.pages import read_pages
from langgraph_deepsearch.nodes.models.resolve import resolve_reasoner

PAGES = [
    {
        "id": "harp",
        "title": "The Silver Harp",
        "text": "The Silver Harp is a drama film of 1987. It was directed by Kerrin Oak and "
        "shot in the harbour of Lunde. Its music won a prize.",
    },
    {
        "id": "oak",
        "title": "Kerrin Oak",
        "text": "Kerrin Oak was a director, born in Vessel Bay on 3 May 1940. Oak trained as a "
        "watchmaker in Tamsin before the first film was made.",
    },
    {
        "id": "tamsin",
        "title": "Tamsin",
        "text": "Tamsin is a town on the river Orrel. It has 12,400 inhabitants and a school of "
        "watchmaking founded by Ada Brink in 1811.",
    },
    {"id": "other", "title": "Gray Door", "text": "A film of 1990 by nobody. " * 5},
]


@pytest.fixture
def corpus(tmp_path, jsonl) -> Path:
    return jsonl(tmp_path / "corpus.jsonl", PAGES)


@pytest.fixture
def pages(corpus):
    return read_pages(corpus)


@pytest.fixture
def asker(fake_server) -> Asker:
    fake_server.script(lambda _: "unscripted")
    return Asker(resolve_reasoner("", base_url=fake_server.base_url))
