"""The report graph with a real model as its writer: the packaged one, served by vLLM.

So small a model does not lead a report; a script does that, and the model plans, writes, edits
and puts the sections in order, in whatever form it finds.
"""

from __future__ import annotations

import re

import pytest
from markdown_it import MarkdownIt
from real_vllm import NEEDS_VLLM
from report_script import CHECK, FINISHED, QUESTION, RUN, edit, search, write
from scripted import FewPages

from langgraph_deepsearch import create_report_agent
from langgraph_deepsearch.nodes.models.resolve import forget_reasoners
from langgraph_deepsearch.trace import read_traces

pytestmark = NEEDS_VLLM

TURNS = {
    "as planned": RUN,
    "one section": [search("capital of peru"), write("Lima", "Cite it."), FINISHED],
    "edited twice": [
        search("people of lima"),
        write("Its people", "How many? Cite."),
        write("Its capital", "Which? Cite."),
        edit("Name the sources."),
        edit("Make it shorter."),
        CHECK,
        FINISHED,
    ],
}


@pytest.fixture(scope="module")
def writer():
    from langgraph_deepsearch.training.serve import ModelServer

    with ModelServer(engine="vllm", name="writer", max_length=4096) as running:
        yield running
    forget_reasoners()


@pytest.mark.parametrize("turns", TURNS.values(), ids=TURNS)
def test_what_a_real_model_writes_becomes_a_report(turns, writer, fake_server, tmp_path):
    left = list(turns)
    fake_server.script(lambda _: left.pop(0))
    agent = create_report_agent(
        base_url=fake_server.base_url,
        writer_url=writer.url,
        search=FewPages(),
        condenser="extractive",
        writer_max_tokens=300,
        trace_dir=tmp_path,
    )
    result = agent.invoke({"question": QUESTION})
    assert (result["stop_reason"], left) == ("answered", [])
    body, _, listed = result["report"].partition("\n## Sources\n")
    cited = set(re.findall(r"(?<!\\)\[(\d+)\]", body))
    assert cited == {str(s["number"]) for s in result["sources"] if s["cited"]}
    assert cited == set(re.findall(r"^- \[(\d+)\]", listed, re.MULTILINE))
    rendered = MarkdownIt("commonmark").render(body)
    assert "<a " not in rendered
    assert "<img" not in rendered
    (trace,) = read_traces(tmp_path)
    calls = [child for child in trace.children if child.model == "writer"]
    assert len([child for child in calls if child.step == "write"]) == sum(
        "begin_write_section" in turn for turn in turns
    )
    assert all(child.error is None for child in calls)
