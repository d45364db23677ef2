import json

import pytest

from langgraph_deepsearch.world.build import build_world


def read_lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


class BuiltWorld:
    """A small built world and its files as records."""

    def __init__(self, path, summary):
        self.path = path
        self.summary = summary
        self.corpus = read_lines(path / "corpus.jsonl")
        self.questions = read_lines(path / "questions.jsonl")
        self.facts = {record["id"]: record for record in read_lines(path / "facts.jsonl")}
        self.behaviours = json.loads((path / "behaviours.json").read_text())

    def document(self, identifier):
        return next(d for d in self.corpus if d["id"] == identifier)


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    path = tmp_path_factory.mktemp("world") / "tiny"
    return BuiltWorld(path, build_world(path, preset="tiny", seed=7))
