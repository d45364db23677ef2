"""Annotation held to its schema by vLLM itself, with a model that could not keep to it."""

from __future__ import annotations

import json

import pytest
from real_vllm import NEEDS_VLLM

from langgraph_deepsearch.curation.sampling.annotate import annotate_questions
from langgraph_deepsearch.curation.sampling.annotation import DOMAINS
from langgraph_deepsearch.nodes.models.resolve import forget_reasoners, resolve_reasoner
from langgraph_deepsearch.questions import Question

pytestmark = NEEDS_VLLM

TEXTS = (
    "Which film whose director is younger, Sunrise Harbour or The Long Quay?",
    "Where was the founder of the university of Lund born?",
    "How many moons does the planet after Jupiter have?",
    "Who won the first football world cup?",
    "Is the Rhine longer than the Loire?",
    "When did the composer of the opera Fidelio die?",
    "What is the chemical symbol of tungsten?",
    "Why did the senate of Rome meet in temples?",
)


CONTEXT = 1200
"""Tokens: a small model that is not held to anything writes on until they are full."""


@pytest.fixture(scope="module")
def server():
    from langgraph_deepsearch.training.serve import ModelServer

    with ModelServer(engine="vllm", name="base", max_length=CONTEXT) as running:
        yield running
    forget_reasoners()


@pytest.mark.parametrize("domains", [DOMAINS, ()], ids=["closed", "open"])
def test_every_reply_has_the_form_that_was_asked_for(server, domains, tmp_path):
    questions = [Question(f"q{n}", text, ("x",)) for n, text in enumerate(TEXTS)]
    model = resolve_reasoner("", base_url=server.url)
    report = annotate_questions(questions, model, tmp_path, domains=domains)
    assert report.annotated == len(questions)
    assert report.failed == 0
    assert report.used.refused == 0
    assert report.used.constrained == report.used.calls >= len(questions)
    odd = {"fenced", "embedded", "domain_wrong_type", "key_points_wrong_type"}
    assert not odd & set(report.marks)
    lines = (tmp_path / "annotated.jsonl").read_text().splitlines()
    for record in map(json.loads, lines):
        assert record["domain"] in domains or not domains
        assert 1 <= len(record["key_points"]) <= 4


def test_unconstrained_the_same_model_does_not_keep_to_it(server, tmp_path):
    """Else the test above would say nothing of the schema."""
    questions = [Question(f"q{n}", text, ("x",)) for n, text in enumerate(TEXTS[:3])]
    model = resolve_reasoner("", base_url=server.url)
    report = annotate_questions(questions, model, tmp_path, constrained=False)
    assert report.used.constrained == 0
    assert report.failed or report.marks
