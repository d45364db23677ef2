"""A result longer than the context left does not cost the run its answer."""

from __future__ import annotations

import pytest
from scripted import ANSWER, query

from langgraph_deepsearch import create_deep_search_agent
from langgraph_deepsearch.trace import Document, read_traces

QUESTION = {"question": "What is the capital of Peru?"}
BEGIN, END = "<|begin_search_result|>", "<|end_search_result|>"


class LongPage:
    """Finds one page of a hundred thousand characters."""

    name = "long"
    returns_full_text = True
    settings = {}

    def search(self, query, k, *, episode=None):
        text = "The capital of Peru is Lima. " + "So it is written. " * 6000
        return [Document(title="Peru", text=text, url="http://w.test/peru")]

    async def asearch(self, query, k, *, episode=None):
        return self.search(query, k)


@pytest.fixture
def run(fake_server, tmp_path):
    """Return a function that runs one search and returns the result and its trace."""

    async def once(way: str, *replies: str):
        left = list(replies)
        fake_server.script(lambda prompt: left.pop(0) if left[1:] else left[0])
        agent = create_deep_search_agent(
            "fake-model",
            base_url=fake_server.base_url,
            search=LongPage(),
            condenser="none",
            max_doc_chars=50_000,
            trace_dir=tmp_path,
        )
        if way == "invoke":
            result = agent.invoke(QUESTION)
        else:
            result = await agent.ainvoke(QUESTION)
        (trace,) = read_traces(tmp_path)
        return result, trace

    return once


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
@pytest.mark.parametrize("exact", [True, False])
async def test_a_long_result_is_cut_to_the_context_left(fake_server, run, way, exact):
    fake_server.no_token_ids = not exact
    result, trace = await run(way, query("peru"), "Lima}")
    assert result["answer"] == "Lima"
    (found,) = [s.text for s in trace.segments if s.kind == "result"]
    assert "The capital of Peru is Lima." in found
    assert found.strip().startswith(BEGIN)
    assert found.strip().endswith(f" …{END}")
    assert 3_000 < len(found) < 3 * fake_server.context_limit


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
@pytest.mark.parametrize(("limit", "is_shown"), [(8192, True), (1200, False)])
async def test_with_no_known_limit_it_is_cut_until_it_fits(
    fake_server, run, way, limit, is_shown
):
    fake_server.no_token_ids = fake_server.no_tokenize = True
    fake_server.context_limit = limit
    result, trace = await run(way, query("peru"), "Lima}")
    assert (result["answer"], result["stop_reason"]) == ("Lima", "context_limit")
    # The trace holds what the model was shown; the search itself stays on record.
    found = [s.text for s in trace.segments if s.kind == "result"]
    assert [text.strip().endswith(f" …{END}") for text in found] == [True] * is_shown
    assert trace.segments[-1].text == "Lima}"
    assert len(trace.searches) == 1


async def test_a_result_that_fits_is_left_whole(run):
    fitting = LongPage.search
    try:
        LongPage.search = lambda self, q, k, *, episode=None: [
            Document(title="Peru", text="The capital is Lima.", url="http://w.test/p")
        ]
        _, trace = await run("invoke", query("peru"), ANSWER)
    finally:
        LongPage.search = fitting
    (found,) = [s.text for s in trace.segments if s.kind == "result"]
    assert "…" not in found
