"""Curation of a real pool of the desk world, served as it is there, and its memory."""

from __future__ import annotations

import tracemalloc

import pytest

from langgraph_deepsearch.curation.filters import count_reflections
from langgraph_deepsearch.curation.pipeline import curate
from langgraph_deepsearch.curation.transcript import model_text
from langgraph_deepsearch.evals.metrics import outcome
from langgraph_deepsearch.graph.deep_search import create_deep_search_agent
from langgraph_deepsearch.graph.rollout import RolloutEngine
from langgraph_deepsearch.loop import LoopConfig
from langgraph_deepsearch.questions import read_questions
from langgraph_deepsearch.trace import read_traces, write_traces
from langgraph_deepsearch.world.build import build_world
from langgraph_deepsearch.world.server import serve_world
from langgraph_deepsearch.world.teacher import DecompositionTeacher, TeacherErrors

QUESTIONS, ROLLOUTS = 12, 4


@pytest.fixture(scope="module")
def pool(tmp_path_factory):
    """Return a run directory: the teacher's rollouts with its errors, on a served world."""
    world, out = tmp_path_factory.mktemp("world"), tmp_path_factory.mktemp("pool")
    build_world(world, preset="tiny", seed=7)
    questions = read_questions(world / "questions.jsonl")[:QUESTIONS]
    errors = TeacherErrors(0.15, 0.15, 0.15, 0.15)
    teacher = DecompositionTeacher.for_questions(questions, errors=errors)
    with serve_world(world) as server:
        agent = create_deep_search_agent(
            teacher,
            search=f"searxng:{server.url}",
            allow_private="127.0.0.1",
            **LoopConfig().settings,
        )
        RolloutEngine(agent, out, scorer=outcome, concurrency=8).run(questions, ROLLOUTS)
    return out


def removed(report):
    return {step.name: step.removed for step in report.filters}


def test_short_paths_of_the_desk_world_are_kept(pool, tmp_path):
    right = sum(trace.outcome["em"] == 1 for trace in read_traces(pool))
    report = curate(pool, tmp_path, preset="direct")
    assert report.valid >= right / 2
    assert report.valid_questions >= QUESTIONS * 2 / 3
    assert removed(report)["source_diversity"] == 0


def test_thoughtful_paths_of_the_desk_world_are_kept(pool, tmp_path):
    thinking = [
        trace
        for trace in read_traces(pool)
        if trace.outcome["em"] == 1 and count_reflections(model_text(trace))
    ]
    assert thinking
    report = curate(pool, tmp_path, preset="reflective", without=["difficulty"])
    assert report.valid >= len(thinking) / 2
    assert removed(report)["source_diversity"] == 0


def test_memory_does_not_grow_with_the_traces(build, tmp_path):
    def peak(count):
        def traces():
            for number in range(count):
                question, rollout = divmod(number, 4)
                answer = "Paris" if rollout else "Lyon"
                trace = build(
                    f"t{number}",
                    question_id=f"q{question}",
                    rollout=rollout,
                    answer=f"\n\n\\boxed{{{answer}}}",
                )
                for found in trace.searches[0].documents:
                    found.text = f"{number} " + "word " * 1000
                yield trace

        file = tmp_path / f"{count}.jsonl"
        write_traces(file, traces())
        tracemalloc.start()
        try:
            report = curate(file, tmp_path / str(count), preset="desk")
            return report.read, tracemalloc.get_traced_memory()[1], file.stat().st_size
        finally:
            tracemalloc.stop()

    peak(4)  # what is loaded once
    small, large = peak(50), peak(250)
    assert large[2] - small[2] > 10_000_000
    assert (large[1] - small[1]) / (large[0] - small[0]) < 3000  # bytes a trace of 50 kB
