"""Open-ended questions: findings of the world, which the teacher finds and lists."""

from __future__ import annotations

import pytest

from langgraph_deepsearch.evals.findings import findings
from langgraph_deepsearch.evals.open_ended import score_open_ended
from langgraph_deepsearch.graph.deep_search import create_deep_search_agent
from langgraph_deepsearch.questions import read_questions
from langgraph_deepsearch.tools.corpus import CorpusSearch
from langgraph_deepsearch.trace import read_traces
from langgraph_deepsearch.world.open_ended import MOST_FINDINGS, write_open_questions
from langgraph_deepsearch.world.teacher import DecompositionTeacher, TeacherErrors


@pytest.fixture
def questions(world, tmp_path):
    path = tmp_path / "open.jsonl"
    assert write_open_questions(world.path, path, 8, split="train", seed=1) == 8
    return read_questions(path)


def test_they_ask_for_two_findings_or_more(questions):
    for question in questions:
        assert question.is_open_ended
        assert 2 <= len(question.golds) <= MOST_FINDINGS
        assert len(question.metadata["decomposition"]) == len(question.golds)


def test_splits_share_no_entity(world, tmp_path):
    ids = {}
    for split in ("train", "test"):
        path = tmp_path / f"{split}.jsonl"
        write_open_questions(world.path, path, 10_000, split=split)
        ids[split] = {q.id for q in read_questions(path)}
    assert ids["train"]
    assert ids["test"]
    assert not ids["train"] & ids["test"]


def test_the_teacher_lists_what_it_found(world, questions, tmp_path):
    teacher = DecompositionTeacher.for_questions(
        questions, dialect="o2_searcher", errors=TeacherErrors(0, 0, 0, 0)
    )
    agent = create_deep_search_agent(
        teacher,
        search=CorpusSearch(world.path / "corpus.jsonl"),
        dialect="o2_searcher",
        condenser="extractive",
        max_turns=20,
        top_k=5,
        trace_dir=tmp_path,
    )
    answers = [agent.invoke({"question": q.question})["answer"] for q in questions]
    listed = [findings(answer) for answer in answers]
    right = [found == list(q.golds) for found, q in zip(listed, questions, strict=True)]
    assert sum(right) >= 5
    for trace, question in zip(
        read_traces(tmp_path / "traces.jsonl"), questions, strict=True
    ):
        scored = trace.model_copy(update={"golds": list(question.golds)})
        if findings(trace.answer) == list(question.golds):
            assert score_open_ended(scored).findings_f1 == 1.0
