"""Linked pages, a model on a real server, and the public sets where they are at hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from langgraph_deepsearch.curation.asking import Asker
from langgraph_deepsearch.curation.synthesis.pages import read_pages
from langgraph_deepsearch.nodes.models.resolve import resolve_reasoner

SHARED = Path(__file__).parents[4] / "shared" / "data"
"""Public sets; not part of the project."""

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


def write_lines(path: Path, records) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def read_lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def jsonl():
    return write_lines


@pytest.fixture
def lines():
    return read_lines


@pytest.fixture
def corpus(tmp_path) -> Path:
    return write_lines(tmp_path / "corpus.jsonl", PAGES)


@pytest.fixture
def pages(corpus):
    return read_pages(corpus)


@pytest.fixture
def asker(fake_server) -> Asker:
    fake_server.script(lambda _: "unscripted")
    return Asker(resolve_reasoner("", base_url=fake_server.base_url))


@pytest.fixture
def shared():
    """Return the path of a public set, or skip."""

    def path(name: str) -> Path:
        found = SHARED / name
        if not found.exists():
            pytest.skip(f"{name} is not at hand")
        return found

    return path
