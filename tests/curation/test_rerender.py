"""Traces in another dialect: what the same run would have been there."""

from __future__ import annotations

from pathlib import Path

import pytest

from langgraph_deepsearch.curation.imports import import_traces
from langgraph_deepsearch.curation.rerender import RerenderError, rerender
from langgraph_deepsearch.graph.deep_search import create_deep_search_agent
from langgraph_deepsearch.nodes.dialects import get_dialect, list_dialects, list_variants
from langgraph_deepsearch.questions import read_questions
from langgraph_deepsearch.tools.corpus import CorpusSearch
from langgraph_deepsearch.trace import Segment, read_traces
from langgraph_deepsearch.training.rows import IGNORED, trace_row
from langgraph_deepsearch.world.build import build_world
from langgraph_deepsearch.world.teacher import DecompositionTeacher, TeacherErrors

DATA = Path(__file__).parents[3] / "shared" / "data" / "traces_r1searcher"
EXAMPLE = Path(__file__).parents[2] / "examples" / "dialects" / "question_mark.py"
EVERY = [name for main in list_dialects() for name in (main, *list_variants(main))]
INLINE = [n for n in (*EVERY, str(EXAMPLE)) if get_dialect(n).layout == "inline"]
"""Every inline dialect and variant, and one of a user's own file."""

QUESTIONS = 5


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    path = tmp_path_factory.mktemp("world")
    build_world(path, preset="tiny", seed=3)
    return path


@pytest.fixture(scope="module")
def runs(world, tmp_path_factory):
    """Return a function from dialect and condenser to the teacher's traces in it."""
    questions = read_questions(world / "questions.jsonl")[:QUESTIONS]
    search, made = CorpusSearch(world / "corpus.jsonl"), {}

    def run(dialect, condenser="extractive", spaced=False, **settings):
        key = (dialect, condenser, spaced, *settings.items())
        if key not in made:
            folder = tmp_path_factory.mktemp("traces")
            teacher = DecompositionTeacher.for_questions(
                questions,
                dialect=dialect,
                errors=TeacherErrors(0.5, 0, 0.5, 0),
                spaced_answers=spaced,
            )
            options = {"max_searches": 20, "max_turns": 21, "top_k": 5, "seed": 1}
            agent = create_deep_search_agent(
                teacher,
                search=search,
                dialect=dialect,
                condenser=condenser,
                trace_dir=folder,
                **{**options, **settings},
            )
            for question in questions:
                agent.invoke({"question": question.question})
            made[key] = list(read_traces(folder / "traces.jsonl"))
        return made[key]

    return run


def told(trace):
    return [(s.kind, s.speaker, s.text, s.trainable, s.turn) for s in trace.segments]


@pytest.mark.parametrize("condenser", ["extractive", "none"])
@pytest.mark.parametrize("target", INLINE)
@pytest.mark.parametrize("source", ["simple_deep_searcher", "search_r1"])
def test_it_is_the_trace_the_same_run_leaves_there(runs, source, target, condenser):
    same = runs(target, condenser)
    for trace, there in zip(runs(source, condenser), same, strict=True):
        again = rerender(trace, target)
        assert told(again) == told(there)
        assert [r.query for r in again.searches] == [r.query for r in there.searches]
        assert (again.answer, again.usage.turns) == (there.answer, there.usage.turns)
        assert again.dialect == target


@pytest.mark.parametrize("target", ["search_r1", "search_o1", "r1_searcher_plus"])
@pytest.mark.parametrize("spaced", [False, True])
@pytest.mark.parametrize("settings", [{"max_turns": 1}, {"max_searches": 1}])
def test_forced_answers_and_refusals_take_the_other_dialects_words(
    runs, settings, spaced, target
):
    there = runs(target, spaced=spaced, **settings)
    here = runs("simple_deep_searcher", spaced=spaced, **settings)
    for trace, same in zip(here, there, strict=True):
        assert told(rerender(trace, target)) == told(same)


@pytest.mark.parametrize("target", INLINE)
def test_it_trains_the_very_tokens_that_the_same_run_would(runs, base_tokenizer, target):
    """As `deepsearch loop` makes its traces: answers stand after a space."""
    there = runs(target, spaced=True)
    for trace, same in zip(runs("simple_deep_searcher", spaced=True), there, strict=True):
        again = rerender(trace, target)
        row, expected = (trace_row(t, base_tokenizer) for t in (again, same))
        assert (row.input_ids, row.labels) == (expected.input_ids, expected.labels)
        trained = [label for label in row.labels if label != IGNORED]
        written = "".join(s.text for s in again.segments if s.trainable)
        assert base_tokenizer.decode(trained) == written + base_tokenizer.eos_token
        assert again.answer == trace.answer == get_dialect(target).extract_answer(written)


@pytest.mark.parametrize("target", INLINE)
def test_real_rollouts_keep_their_queries_and_answers(target):
    path = DATA / "hotpotqa_llama.jsonl"
    if not path.is_file():
        pytest.skip(f"no real traces at {path}")
    dialect = get_dialect(target)
    for number, trace in enumerate(import_traces(path, "r1_searcher")):
        if number == 60:
            break
        again = rerender(trace, target)
        written = ["".join(s.text for s in turn if s.trainable) for turn in again.turns()]
        assert [dialect.parse(text).queries for text in written[:-1]] == [
            (record.query,) for record in trace.searches
        ]
        assert dialect.extract_answer(written[-1]) == trace.answer
        if target == "r1_searcher":
            results = [s.text for s in again.segments if s.kind == "result"]
            assert results == [s.text for s in trace.segments if s.kind == "result"]


def test_what_has_no_counterpart_is_refused(runs):
    (trace, *_) = runs("simple_deep_searcher")
    with pytest.raises(RerenderError, match="name an inline one"):
        rerender(trace, "web_dancer")
    strange = Segment(kind="notice", speaker="tool", text="What?", turn=1)
    kept = [s for s in trace.segments if s.turn == 0 or s.trainable]
    broken = trace.model_copy(update={"segments": [*kept, strange], "searches": []})
    with pytest.raises(RerenderError, match="neither run nor refused"):
        rerender(broken, "search_r1")
