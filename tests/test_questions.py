"""Question files in the spellings of public sets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from langgraph_deepsearch.questions import (
    Question,
    QuestionFileError,
    questions_digest,
    read_question_files,
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


@pytest.mark.parametrize("mark", ["\u2028", "\u2029", "\x85", "\x0b", "\x1c"])
def test_marks_that_other_programs_take_for_line_ends_stay_in_the_text(mark, tmp_path):
    questions = [Question("a", f"One{mark}two?", (f"b{mark}c",))]
    write_questions(tmp_path / "q.jsonl", questions)
    assert read_questions(tmp_path / "q.jsonl") == questions


def test_a_field_that_was_not_used_is_kept(tmp_path):
    record = {"question": "Q?", "query": "q", "answer": "A", "golden_answers": ["B"]}
    extra = {"_id": 3, "answers": None, "hops": 2}
    path = tmp_path / "q.jsonl"
    path.write_text(json.dumps({"id": 7, **record, **extra}) + "\n")
    [question] = read_questions(path)
    kept = {"query": "q", "golden_answers": ["B"], "_id": 3, "hops": 2}
    assert question == Question("7", "Q?", ("A",), kept)
    write_questions(path, [question])
    assert read_questions(path) == [question]


@pytest.mark.parametrize(
    "other",
    [Question("b", "Q?", ("A",)), Question("a", "R?", ("A",)), Question("a", "Q?", ("B",))],
)
def test_other_questions_have_another_digest(other):
    asked = Question("a", "Q?", ("A",), {"hops": 1})
    same = Question("a", "Q?", ("A",))
    assert questions_digest([asked]) == questions_digest([same])
    assert questions_digest([asked]) != questions_digest([other])


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


def test_open_ended_questions_are_one_object_of_findings(tmp_path):
    path = tmp_path / "test_gt.json"
    path.write_text(json.dumps({"Why?": ["One.", "Two."], "How?": ["Three."]}, indent=4))
    why, how = read_questions(path)
    assert (why.question, why.golds, why.is_open_ended) == ("Why?", ("One.", "Two."), True)
    assert how.id != why.id
    write_questions(tmp_path / "q.jsonl", [why, Question("c", "Who?", ("A",))])
    again, closed = read_questions(tmp_path / "q.jsonl")
    assert again == why
    assert not closed.is_open_ended


def test_findings_must_be_texts(tmp_path):
    path = tmp_path / "gt.json"
    path.write_text(json.dumps({"Why?": ["One."], "How?": []}))
    with pytest.raises(
        QuestionFileError, match=r"gt\.json: 'How\?' has no list of findings"
    ):
        read_questions(path)


def test_a_single_line_is_a_question_not_findings(tmp_path):
    path = tmp_path / "q.jsonl"
    path.write_text(json.dumps({"id": "a", "question": "Who?", "answer": ["A"]}))
    assert read_questions(path) == [Question("a", "Who?", ("A",))]


def test_files_read_together_may_not_share_an_id(tmp_path):
    for name in ("a", "b"):
        write_questions(tmp_path / f"{name}.jsonl", [Question("x", f"{name}?")])
    assert len(read_question_files([tmp_path / "a.jsonl"])) == 1
    with pytest.raises(QuestionFileError, match=r"a\.jsonl and .*b\.jsonl: two questions"):
        read_question_files([tmp_path / "a.jsonl", tmp_path / "b.jsonl"])


def test_a_file_in_another_encoding_is_told(tmp_path):
    path = tmp_path / "q.jsonl"
    path.write_bytes('{"question": "Où?", "answer": "ici"}'.encode("latin-1"))
    with pytest.raises(QuestionFileError, match="save it as UTF-8"):
        read_questions(path)


@pytest.mark.parametrize("form", ["{}\n", "[{}]", '{}\n{{"question": "R?"}}\n'])
def test_a_byte_order_mark_is_read_over(form, tmp_path):
    path = tmp_path / "q.jsonl"
    record = '{"id": "a", "question": "Q?", "answer": "A"}'
    path.write_bytes(b"\xef\xbb\xbf" + form.format(record).encode())
    assert read_questions(path)[0] == Question("a", "Q?", ("A",))


def test_half_a_character_is_replaced_so_that_the_question_can_be_written(tmp_path):
    file = tmp_path / "cut.jsonl"
    file.write_text(json.dumps({"question": "Who is \ud83d?", "note": ["\ude00"]}) + "\n")
    (question,) = read_questions(file)
    assert (question.question, question.metadata["note"]) == ("Who is \ufffd?", ["\ufffd"])
    write_questions(tmp_path / "again.jsonl", [question])
