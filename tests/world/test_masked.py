"""Masked questions: facts to search, ordered by their number, none of the test's."""

from __future__ import annotations

import json
from collections import Counter

from langgraph_deepsearch.evals.metrics import score
from langgraph_deepsearch.graph.deep_search import create_deep_search_agent
from langgraph_deepsearch.questions import read_questions
from langgraph_deepsearch.tools.corpus import CorpusSearch
from langgraph_deepsearch.world.masked import MASK, write_masked_questions
from langgraph_deepsearch.world.teacher import DecompositionTeacher, TeacherErrors


def test_they_take_turns_at_one_to_four_masks(world, tmp_path):
    count = write_masked_questions(world.path, tmp_path / "a.jsonl", 40, seed=1)
    questions = read_questions(tmp_path / "a.jsonl")
    assert count == len(questions) == 40
    assert Counter(q.metadata["masks"] for q in questions) == {1: 10, 2: 10, 3: 10, 4: 10}
    for question in questions:
        assert question.question.count(MASK) == question.metadata["masks"]
        values = [v for hop in question.metadata["decomposition"] for v in hop["values"]]
        assert question.golds == ("; ".join(values),)
        assert not any(value in question.question for value in values)
    write_masked_questions(world.path, tmp_path / "b.jsonl", 40, seed=1)
    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "b.jsonl").read_bytes()


def test_no_entity_of_a_test_question_is_masked(world, tmp_path):
    write_masked_questions(world.path, tmp_path / "q.jsonl", 10_000)
    lines = (world.path / "test.jsonl").read_text().splitlines()
    tested = {h["subject_id"] for line in lines for h in json.loads(line)["decomposition"]}
    masked = {q.id.removeprefix("masked-") for q in read_questions(tmp_path / "q.jsonl")}
    assert masked
    assert not masked & tested


def test_the_teacher_finds_what_is_masked(world, tmp_path):
    write_masked_questions(world.path, tmp_path / "q.jsonl", 8)
    questions = read_questions(tmp_path / "q.jsonl")
    teacher = DecompositionTeacher.for_questions(
        questions, dialect="mask_search", errors=TeacherErrors(0, 0, 0, 0)
    )
    agent = create_deep_search_agent(
        teacher,
        search=CorpusSearch(world.path / "corpus.jsonl"),
        dialect="mask_search",
        max_turns=20,
        top_k=5,
    )
    answers = [agent.invoke({"question": q.question})["answer"] for q in questions]
    right = [score(a, q.golds).em for a, q in zip(answers, questions, strict=True)]
    assert sum(right) >= 6
