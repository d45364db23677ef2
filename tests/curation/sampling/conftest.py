"""Annotated questions in files, and the public sets where they are at hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from langgraph_deepsearch.curation.sampling.candidates import Candidate

SHARED = Path(__file__).parents[4] / "shared" / "data"
"""Public sets; not part of the project."""


def make_candidate(number: int, **fields) -> Candidate:
    values = {
        "file": 0,
        "record": number,
        "text": f"question {number}",
        "source": "nq",
        "domain": "film",
        "key_points": (f"point {number}",),
        "interrogatives": 1,
    }
    return Candidate(**{**values, **fields})


def write_jsonl(path: Path, records) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def read_jsonl(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def candidate():
    return make_candidate


@pytest.fixture
def jsonl():
    return write_jsonl


@pytest.fixture
def lines():
    return read_jsonl


@pytest.fixture
def shared():
    """Return the path of a public set, or skip."""

    def path(name: str) -> Path:
        found = SHARED / name
        if not found.exists():
            pytest.skip(f"{name} is not at hand")
        return found

    return path
