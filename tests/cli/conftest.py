"""The command as a user types it: real files, real servers, the real exit."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass

import pytest

from langgraph_deepsearch.cli import main

DOWN = "http://127.0.0.1:9/v1"
"""Nothing listens there."""

QUERY = "Let me look. <|begin_search_query|>capital of Peru<|end_search_query|>"
ANSWER = "So it is \\boxed{Lima}."


@dataclass
class Finished:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def complaint(self) -> str:
        """The one line that says what went wrong."""
        lines = [line for line in self.err.splitlines() if line.startswith("error: ")]
        assert len(lines) == 1, self.err
        return lines[0]


@pytest.fixture
def deepsearch(monkeypatch, capsys, tmp_path):
    """Return a function that runs `deepsearch` with arguments, as the console script does."""
    for name in ("TAVILY_API_KEY", "SERPER_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("MODEL", "BASE_URL", "SEARCH", "DIALECT", "CONDENSER", "TRACE_DIR"):
        monkeypatch.delenv(f"DEEPSEARCH_{name}", raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)

    def run(*arguments) -> Finished:
        monkeypatch.setattr(sys, "argv", ["deepsearch", *map(str, arguments)])
        capsys.readouterr()
        try:
            main()
            code = 0
        except SystemExit as ended:
            code = int(ended.code or 0)
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err
        return Finished(code, printed.out, printed.err)

    return run


@pytest.fixture
def files(tmp_path):
    """Small inputs, good and bad, in the working folder of the command."""
    corpus = [
        {"id": "1", "title": "Peru", "text": "Lima is the capital of Peru."},
        {"id": "2", "title": "Chile", "text": "Santiago is the capital of Chile."},
    ]
    asked = [
        {"id": "a", "question": "What is the capital of Peru?", "answer": "Lima"},
        {"id": "b", "question": "What is Peru's capital?", "answer": ["Lima", "lima"]},
    ]
    write_lines(tmp_path / "corpus.jsonl", corpus)
    write_lines(tmp_path / "questions.jsonl", asked)
    write_lines(tmp_path / "unanswered.jsonl", [{"id": "c", "question": "Who?"}])
    write_lines(tmp_path / "no_text.jsonl", [{"id": "1", "title": "Peru"}])
    (tmp_path / "malformed.jsonl").write_text('{"id": "1", "question": "Who?"}\n{"id\n')
    (tmp_path / "empty.jsonl").write_text("")
    return tmp_path


@pytest.fixture
def searching(fake_server):
    """A model that searches once and then answers."""
    fake_server.script(lambda text: ANSWER if QUERY in text else QUERY)
    return fake_server


def write_lines(path, records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
