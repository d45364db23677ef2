"""The teacher speaks every dialect: the same plans, searches and answers."""

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
OPENING = ("deep_researcher", "web_dancer", "web_dancer:demo")
"""Dialects that open pages by their address."""


@pytest.fixture(scope="module")
def corpus(world):
    return CorpusSearch(world.path / "corpus.jsonl")


@pytest.mark.parametrize("name", NAMES)
def test_it_finds_the_answers_in_every_dialect(world, corpus, name, tmp_path):
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
            assert dialect.parse(written).kind in ("search", "read", "answer")


@pytest.mark.parametrize("name", OPENING)
def test_it_opens_pages_where_results_are_only_snippets(world, name, tmp_path):
    questions = read_questions(world.path / "questions.jsonl")[:6]
    teacher = DecompositionTeacher.for_questions(
        questions, dialect=name, errors=TeacherErrors(0, 0, 0, 0)
    )
    corpus = world.path / "corpus.jsonl"
    agent = create_deep_search_agent(
        teacher,
        search=_Titles(CorpusSearch(corpus)),
        reader=f"corpus:{corpus}",
        dialect=name,
        page_condenser="extractive",
        max_turns=30,
        top_k=4,
        trace_dir=tmp_path,
    )
    right = 0
    for question in questions:
        result = agent.invoke({"question": question.question})
        right += score(result["answer"], question.golds).em
    assert right >= 3
    traces = list(read_traces(tmp_path / "traces.jsonl"))
    # A title may tell enough, where the fact is a name.
    assert sum(bool(trace.reads) for trace in traces) >= 4
    for read in (read for trace in traces for read in trace.reads):
        assert read.document or read.error


@pytest.mark.parametrize("name", ["mask_search", "deep_researcher", "o2_searcher"])
def test_it_answers_in_a_turn_of_its_own_when_it_must(world, corpus, name):
    questions = read_questions(world.path / "questions.jsonl")[:3]
    teacher = DecompositionTeacher.for_questions(questions, dialect=name)
    agent = create_deep_search_agent(
        teacher, search=corpus, dialect=name, condenser="extractive", max_turns=1
    )
    for question in questions:
        result = agent.invoke({"question": question.question})
        assert result["stop_reason"] == "turn_limit"
        assert result["answer"]


class _Titles:
    """A search that tells no more of a page than its title and address."""

    name = "titles"
    returns_full_text = False
    settings = {}

    def __init__(self, search):
        self._search = search

    def search(self, query, k, *, episode=None):
        found = self._search.search(query, k)
        return [d.model_copy(update={"text": "", "snippet": "…"}) for d in found]

    async def asearch(self, query, k, *, episode=None):
        return self.search(query, k)
