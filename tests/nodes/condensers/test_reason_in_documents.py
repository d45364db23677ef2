"""Reason-in-documents: what the model is given, and what is taken from its output."""

from __future__ import annotations

import pytest
from scripted import FewPages

from langgraph_deepsearch import create_deep_search_agent
from langgraph_deepsearch.nodes.condensers.base import CondenseRequest
from langgraph_deepsearch.nodes.condensers.extractive import ExtractiveCondenser
from langgraph_deepsearch.nodes.condensers.reason_in_documents import (
    ReasonInDocuments,
    extract_information,
    format_pages,
    shorten_reasoning,
)
from langgraph_deepsearch.nodes.models.resolve import resolve_reasoner
from langgraph_deepsearch.trace import Document

PERU = Document(
    id="1", title="Peru", text="The capital of Peru is Lima. {query}", url="http://p"
)


def request(**changes):
    return CondenseRequest(
        **{
            "question": "Where is the government of Peru?",
            "query": "capital of Peru",
            "documents": [PERU],
            "reasoning": "I need the capital.",
            "turn": 1,
            **changes,
        }
    )


@pytest.mark.parametrize(
    ("output", "information"),
    [
        ("**Final Information**\n\nLima.", "Lima."),
        (
            "<think>**Final Information** no</think>**Final Information** Lima\nis it",
            "Lima is it",
        ),
        ("**Modified Reasoning Steps** It is\n- Lima", "It is - Lima"),
        ("no marker: Lima", "no marker: Lima"),
        ("thinking</think>Lima", "Lima"),
        ("**Final Information**\nNo helpful information found.", ""),
        ("", ""),
    ],
)
def test_information_is_taken_out_without_gluing_or_thinking(output, information):
    assert extract_information(output) == information


@pytest.mark.parametrize(
    ("dialect", "shown"),
    [
        ("search_o1", "No helpful information found."),
        ("search_o1:single_hop", "No helpful information found."),
        ("simple_deep_searcher", "It may be Lima."),
    ],
)
def test_an_output_without_a_marker_is_each_systems_own(fake_server, dialect, shown):
    turns = iter(["<|begin_search_query|>peru<|end_search_query|>", "\\boxed{Lima}"])

    def reply(prompt):
        return "It may be Lima." if "Searched web pages" in prompt else next(turns)

    fake_server.script(reply)
    agent = create_deep_search_agent(
        "fake-model", base_url=fake_server.base_url, search=FewPages(), dialect=dialect
    )
    assert agent.invoke({"question": "Which capital?"})["answer"] == "Lima"
    last = fake_server.generations()[-1]["prompt"]
    assert f"<|begin_search_result|>{shown}<|end_search_result|>" in last


def test_what_stands_after_a_marker_counts_in_either():
    said = "x **Final Information**\n\nLima."
    assert extract_information(said, needs_marker=True) == "Lima."
    assert extract_information("**Modified Reasoning Steps** a", needs_marker=True) == "a"
    assert extract_information("It is Lima.", needs_marker=True) == ""


def test_the_model_is_told_question_query_pages_and_reasoning(fake_server):
    fake_server.script(["**Final Information**\nIt is Lima."])
    reasoner = resolve_reasoner("", base_url=fake_server.base_url)
    condenser = ReasonInDocuments(reasoner, fallback=ExtractiveCondenser())
    condensed = condenser.condense(request())
    assert condensed.text == "It is Lima."
    (child,) = condensed.children
    prompt = child.segments[0].text
    for part in (
        "government of Peru",
        "capital of Peru",
        "Step 1: I need",
        '"title": "Peru"',
    ):
        assert part in prompt
    assert "is Lima. {query}" in prompt
    assert child.completion_tokens == len(child.segments[-1].token_ids) > 0
    assert child.model == reasoner.name


async def test_a_failing_model_falls_back_and_never_shows_its_error(fake_server):
    reasoner = resolve_reasoner("", base_url=fake_server.base_url)
    fake_server.fail(400, "kaboom", 9)
    condenser = ReasonInDocuments(reasoner, fallback=ExtractiveCondenser())
    condensed = await condenser.acondense(request())
    assert condensed.text.startswith("(1) Peru: The capital of Peru is Lima.")
    assert "kaboom" in condensed.children[0].error


def test_no_documents_means_no_call(fake_server):
    reasoner = resolve_reasoner("", base_url=fake_server.base_url)
    calls = len(fake_server.requests)
    condenser = ReasonInDocuments(reasoner, fallback=ExtractiveCondenser())
    assert condenser.condense(request(documents=[])).text == ""
    assert len(fake_server.requests) == calls


def test_reasoning_is_shortened_to_its_first_last_and_searching_steps():
    lines = [f"line {n}" for n in range(1, 10)]
    lines[3] = "so <|begin_search_query|>x"
    assert shorten_reasoning("\n\n".join(lines), ("<|begin_search_query|>",)).split(
        "\n\n"
    ) == [
        "Step 1: line 1",
        "...",
        "Step 4: so <|begin_search_query|>x",
        "...",
        "Step 6: line 6",
        "Step 7: line 7",
        "Step 8: line 8",
        "Step 9: line 9",
    ]
    assert shorten_reasoning("", ()) == "(nothing yet)"


def test_pages_are_numbered_and_cut():
    text = format_pages([PERU, PERU], 11)
    assert text.startswith('**Web Page 1:**\n{\n  "title": "Peru"')
    assert '"context": "The capital"' in text
    assert "**Web Page 2:**" in text
