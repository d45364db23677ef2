"""The simulated search engine, over a real model server."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_deepsearch import create_deep_search_agent
from langgraph_deepsearch.graph.rollout import RolloutEngine
from langgraph_deepsearch.questions import Question
from langgraph_deepsearch.tools.base import Episode, SearchError
from langgraph_deepsearch.tools.factory import SearchSpecError, make_search
from langgraph_deepsearch.tools.simulated import (
    SimulatedSearch,
    SimulatorError,
    read_documents,
    write_documents,
)
from langgraph_deepsearch.trace import read_traces

EPISODE = Episode("What is the capital of Peru?", ("Lima", "Lima, Peru"), 50, 100)


@pytest.fixture
def simulator(fake_server):
    """Return a search over the fake server, and the prompts that reached it."""

    def make(reply="Doc 1: Lima is the capital.\nDoc 2: Peru is large.", **settings):
        fake_server.script(lambda prompt: reply)
        return SimulatedSearch(fake_server.base_url, **settings)

    return make


def test_the_model_writes_the_documents(simulator, fake_server):
    found = simulator().search("capital of Peru", 5, episode=EPISODE)
    assert [d.text for d in found] == ["Lima is the capital.", "Peru is large."]
    (request,) = fake_server.generations()
    assert (request["body"]["temperature"], request["body"]["max_tokens"]) == (0.8, 600)
    for told in ("capital of Peru", EPISODE.question, "Lima or Lima, Peru", "write 5 doc"):
        assert told in request["prompt"]


async def test_async_gives_the_same_and_no_more_than_asked(simulator):
    found = await simulator().asearch("capital of Peru", 1, episode=EPISODE)
    assert [d.text for d in found] == ["Lima is the capital."]


@pytest.mark.parametrize(
    ("start", "end", "kind"), [(0.0, 0.0, "useful"), (1.0, 1.0, "noisy")]
)
def test_noise_decides_what_is_asked_for(simulator, fake_server, start, end, kind):
    simulator(noise_start=start, noise_end=end).search("peru", 2, episode=EPISODE)
    (request,) = fake_server.generations()
    assert f"are to be {kind}." in request["prompt"]


def test_without_an_answer_none_is_made_up(simulator, fake_server):
    simulator().search("peru", 2)
    (request,) = fake_server.generations()
    assert "whose answer" not in request["prompt"]


def test_a_curriculums_noise_counts_unless_the_engine_was_given_its_own():
    told = Episode("q", ("a",), 0, 100, noise=0.3)
    plain = SimulatedSearch("http://127.0.0.1:1")
    assert plain.noise_probability(told) == 0.3
    assert plain.noise_probability(Episode("q", ("a",), 100, 100)) == pytest.approx(0.5)
    given_its_own = SimulatedSearch("http://127.0.0.1:1", noise_end=1.0)
    late = Episode("q", ("a",), 100, 100, noise=0.3)
    assert given_its_own.noise_probability(late) == pytest.approx(1.0)


def test_the_draw_is_repeatable_and_as_likely_as_said():
    search = SimulatedSearch("http://127.0.0.1:1")
    late = Episode("q", ("a",), 100, 100)
    drawn = [search.is_noisy(f"query {n}", late) for n in range(2000)]
    assert drawn == [search.is_noisy(f"query {n}", late) for n in range(2000)]
    assert 0.45 < sum(drawn) / len(drawn) < 0.55
    other = SimulatedSearch("http://127.0.0.1:1", seed=1)
    assert drawn != [other.is_noisy(f"query {n}", late) for n in range(2000)]


@pytest.mark.parametrize(
    ("reply", "documents"),
    [
        ("**Doc 1:** One.\n**Doc 2:** Two.", [("", "One."), ("", "Two.")]),
        ("**Document 1**: One.\n\n**Document 2.**\nTwo.", [("", "One."), ("", "Two.")]),
        ("Doc 1: **Bold** one.\nDoc 2: Two.", [("", "**Bold** one."), ("", "Two.")]),
        (
            'Doc 1(Title: "A (b)") One.\nDoc 2(Title: C) Two\n(2).',
            [("", '(Title: "A (b)") One.'), ("", "(Title: C) Two (2).")],
        ),
        ("Doc 1 (Title: A) One.\nDoc 2: Two.", [("", "(Title: A) One."), ("", "Two.")]),
        ("Doc 1: (Title: unknown", [("", "(Title: unknown")]),
    ],
)
def test_documents_are_told_apart_in_bold_and_by_titles(simulator, reply, documents):
    found = simulator(reply).search("peru", 5)
    assert [(d.title, d.text) for d in found] == documents


@given(st.lists(st.from_regex(r"[a-z]+( [a-z]+){0,9}", fullmatch=True), max_size=5))
def test_documents_come_back_from_their_form(texts):
    assert read_documents(write_documents(texts)) == texts


@given(st.text())
def test_reading_documents_is_total(reply):
    assert all(text.strip() == text and text for text in read_documents(reply))


def test_a_server_that_is_down_is_an_error_and_ends(fake_server, simulator):
    fake_server.script(lambda prompt: "x")
    fake_server.fail(500, times=10)
    with pytest.raises(
        SearchError, match="the simulated search engine answered with status"
    ):
        SimulatedSearch(fake_server.base_url, retries=1).search("peru", 2)


def test_a_spec_names_it(fake_server, tmp_path):
    prompt = tmp_path / "prompt.txt"
    prompt.write_text("{kind} for {query}: {question} {answer}")
    url = fake_server.base_url
    search = make_search(
        f"simulated:{url}?model=fake-model&noise_end=1&seed=3&prompt={prompt}"
    )
    assert (search.model, search.noise_end, search.seed) == ("fake-model", 1.0, 3)
    assert search.prompt_for("tea", 5, Episode("q?", ("a",))) == "useful for tea: q? a"


@pytest.mark.parametrize(
    ("spec", "error"),
    [
        ("simulated:http://127.0.0.1:1?colour=red", SimulatorError),
        ("simulated:http://127.0.0.1:1?seed=x", SimulatorError),
        ("simulated:http://127.0.0.1:1?noise_end=7", SimulatorError),
        ("simulated:http://127.0.0.1:1?prompt=/nowhere", SimulatorError),
        (f"simulated:http://127.0.0.1:1?prompt={sys.executable}", SimulatorError),
        ("simulated:not-an-address", SearchSpecError),
    ],
)
def test_a_bad_spec_is_refused(spec, error):
    with pytest.raises(error):
        make_search(spec)


def test_rollouts_tell_the_simulator_the_answer_and_the_model_nothing(
    fake_server, tmp_path
):
    def reply(prompt):
        if "web search engine" in prompt:
            return "Doc 1: Lima it is."
        if "<information>" in prompt.partition("<|im_start|>assistant")[2]:
            return "<think>So.</think><answer> Lima </answer>"
        return "<think>I search.</think><search> capital of peru </search>"

    fake_server.script(reply)
    agent = create_deep_search_agent(
        "fake-model",
        base_url=fake_server.base_url,
        search=f"simulated:{fake_server.base_url}?model=fake-model",
        dialect="zero_search",
    )
    question = Question("q1", "What is the capital of Peru?", ("Secret Gold",))
    RolloutEngine(agent, tmp_path).run([question])
    (trace,) = read_traces(tmp_path)
    assert (trace.answer, trace.stop_reason) == ("Lima", "answered")
    asked = [r["prompt"] for r in fake_server.generations()]
    assert [("Secret Gold" in p, "web search engine" in p) for p in asked] == [
        (False, False),
        (True, True),
        (False, False),
    ]
    assert "Secret Gold" not in "".join(s.text for s in trace.segments)
    assert "Doc 1: Lima it is." in trace.output_text
