"""The teacher speaks every inline dialect: the same plans, searches and answers."""

from __future__ import annotations

import pytest

from langgraph_deepsearch.evals.metrics import score
from langgraph_deepsearch.graph.deep_search import create_deep_search_agent
from langgraph_deepsearch.nodes.dialects import get_dialect, list_dialects, list_variants
from langgraph_deepsearch.questions import read_questions
from langgraph_deepsearch.tools.corpus import CorpusSearch
from langgraph_deepsearch.trace import read_traces
from langgraph_deepsearch.world.teacher import DecompositionTeacher, TeacherErrors

NAMES = [name for main in list_dialects() for name in (main, *list_variants(main))]
INLINE = [name for name in NAMES if get_dialect(name).layout == "inline"]


@pytest.fixture(scope="module")
def corpus(world):
    return CorpusSearch(world.path / "corpus.jsonl")


@pytest.mark.parametrize("name", INLINE)
def test_it_finds_the_answers_in_every_inline_dialect(world, corpus, name, tmp_path):
    questions = read_questions(world.path / "questions.jsonl")[:6]
    teacher = DecompositionTeacher.for_questions(
        questions, dialect=name, errors=TeacherErrors(0, 0, 0, 0)
    )
    agent = create_deep_search_agent(
        teacher,
        search=corpus,
        dialect=name,
        condenser="extractive",
        max_searches=20,
        max_turns=21,
        top_k=8,
        trace_dir=tmp_path,
    )
    right = 0
    for question in questions:
        result = agent.invoke({"question": question.question})
        assert result["stop_reason"] == "answered"
        right += score(result["answer"], question.golds).em
    assert right >= 4
    for trace in read_traces(tmp_path / "traces.jsonl"):
        assert trace.searches
        dialect = get_dialect(trace.dialect)
        for turn in trace.turns():
            written = "".join(s.text for s in turn if s.trainable)
            assert dialect.parse(written).kind in ("search", "answer")
