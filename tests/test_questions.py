"""Question files in the spellings of public sets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from langgraph_deepsearch.questions import (
    Question,
    QuestionFileError,
    read_questions,
    write_questions,
)

DATA = Path(__file__).parents[2] / "shared" / "data"


@pytest.mark.parametrize(
    ("record", "golds"),
    [
        ({"id": 7, "question": "Q?", "answer": "A"}, ("A",)),
        ({"id": "7", "Question": "Q?", "answer": ["A", "B"]}, ("A", "B")),
        ({"id": "7", "question": "Q?", "golden_answers": ["A"]}, ("A",)),
        ({"id": "7", "question": "Q?", "answer": "A", "aliases": ["B", "A"]}, ("A", "B")),
        ({"id": "7", "question": "Q?", "answer": "A<|answer_split|>B"}, ("A", "B")),
        ({"id": "7", "question": "Q?"}, ()),
        ({"id": "7", "question": "Q?", "answer": 12}, ("12",)),
    ],
)
def test_spellings(tmp_path, record, golds):
    path = tmp_path / "q.jsonl"
    path.write_text(json.dumps(record) + "\n")
    assert read_questions(path) == [Question("7", "Q?", golds)]


def test_questions_survive_their_file(tmp_path):
    questions = [Question("a", "Ä?", ("b",), {"hops": 2}), Question("b", "C?")]
    write_questions(tmp_path / "q.jsonl", questions)
    assert read_questions(tmp_path / "q.jsonl") == questions


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no questions"),
        ('{"question": "a"}\nnope\n', r"q\.jsonl:2: not valid JSON"),
        ('{"text": "a"}\n', r"q\.jsonl:1: no question text"),
        ("[1]", "must be a JSON object"),
        ('[{"question": ', "not valid JSON"),
        (
            '{"id":"a","question":"x"}\n{"id":"a","question":"y"}\n',
            "two questions have the id",
        ),
    ],
)
def test_bad_files_get_one_line(tmp_path, text, message):
    path = tmp_path / "q.jsonl"
    path.write_text(text)
    with pytest.raises(QuestionFileError, match=message) as error:
        read_questions(path)
    assert "\n" not in str(error.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(QuestionFileError, match="no question file"):
        read_questions(tmp_path / "q.jsonl")


@pytest.mark.skipif(not DATA.is_dir(), reason="the public question sets are not here")
@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("questions/2wiki.json", 500),
        ("questions/musique.json", 500),
        ("questions/bamboogle.json", 125),
        ("questions/frames.json", 824),
        ("2wiki_hipporag1000/questions.jsonl", 1000),
        ("musique_train100/questions.jsonl", 100),
    ],
)
def test_public_sets_load(name, count):
    questions = read_questions(DATA / name)
    assert len(questions) == count
    assert all(question.golds for question in questions)
