"""The turn that an original lets the model write after its turns, and the forced answer."""

from __future__ import annotations

import pytest
from scripted import FewPages

from langgraph_deepsearch import create_deep_search_agent, get_dialect

SEARCH = "<think>I search.</think>\n<search>\n<query>capital of peru</query>\n</search>"
ANSWER = "<think>So.</think>\n<answer>Lima</answer>"
PLAIN = "<think>I search.</think> <search> capital of peru </search>"
LOST = "<think>What now?</think>"


def forced(dialect: str) -> str:
    return get_dialect(dialect).force_answer()


@pytest.mark.parametrize(
    ("dialect", "search", "turns"),
    [("o2_searcher", SEARCH, 4), ("search_r1", PLAIN, 4), ("zero_search", PLAIN, 5)],
)
def test_after_its_turns_a_model_writes_once_more(agent_of_text, dialect, search, turns):
    result, trace, seen = agent_of_text(
        dialect, [*[search] * turns, ANSWER], condenser="none"
    )
    assert (result["answer"], result["stop_reason"]) == ("Lima", "answered")
    assert len(trace.searches) == turns
    assert forced(dialect) not in seen[-1]


@pytest.mark.parametrize(
    ("dialect", "turns"),
    [
        ("o2_searcher", [SEARCH, LOST, SEARCH, SEARCH]),
        ("search_r1", [PLAIN, LOST, PLAIN, PLAIN]),
        ("zero_search", [PLAIN, LOST, PLAIN, PLAIN, PLAIN]),
    ],
)
def test_its_search_is_not_carried_out(agent_of_text, dialect, turns):
    replies = [*turns, turns[0], "Lima</answer>"]
    result, trace, seen = agent_of_text(dialect, replies, condenser="none")
    assert result["stop_reason"] == "turn_limit"
    assert len(trace.searches) == len(turns) - 1
    assert seen[-1].endswith(turns[0] + forced(dialect))


def test_where_the_turns_are_set_all_of_them_search(agent_of_text):
    replies = [*[PLAIN] * 6, ANSWER]
    result, trace, _ = agent_of_text(
        "search_r1", replies, condenser="none", max_turns=7, max_searches=6
    )
    assert (result["answer"], len(trace.searches)) == ("Lima", 6)


def run_to_a_forced_answer(fake_server, dialect, context):
    """Run a question whose only turn goes astray, so that its answer is forced."""
    fake_server.context_limit = context
    replies = [LOST, "<think>It is so.</think> <answer>Lima</answer>"]
    fake_server.script(lambda prompt: replies.pop(0))
    agent = create_deep_search_agent(
        "fake-model",
        base_url=fake_server.base_url,
        search=FewPages(),
        dialect=dialect,
        max_turns=1,
    )
    return agent.invoke({"question": "What is the capital of Peru?"})


@pytest.mark.parametrize(
    ("dialect", "tokens"),
    [
        ("o2_searcher", 2048),
        ("o2_searcher:turns", 2048),
        ("deep_researcher", 2000),
        ("web_dancer", 10_000),
        ("mask_search", 4096),
        ("search_r1", 256),
        ("mask_search:inline", 256),
    ],
)
def test_a_forced_answer_has_room_for_its_thought(fake_server, dialect, tokens):
    result = run_to_a_forced_answer(fake_server, dialect, context=32_768)
    assert result["stop_reason"] == "turn_limit"
    assert fake_server.generations()[-1]["body"]["max_tokens"] == tokens


def test_a_forced_answer_keeps_to_the_context(fake_server):
    result = run_to_a_forced_answer(fake_server, "o2_searcher", context=2_000)
    assert result["answer"] == "Lima"
    assert 256 < fake_server.generations()[-1]["body"]["max_tokens"] < 1_500


@pytest.mark.parametrize(
    ("dialect", "tokens"),
    [("web_thinker", 40_000), ("deep_researcher", 32_767), ("web_dancer", 100_000)],
)
def test_an_originals_limit_bounds_the_whole_transcript(fake_server, dialect, tokens):
    fake_server.context_limit = 100_000
    fake_server.script(["So.</think> \\boxed{Lima} <answer>Lima</answer>"])
    agent = create_deep_search_agent(
        "fake-model", base_url=fake_server.base_url, search=FewPages(), dialect=dialect
    )
    result = agent.invoke(
        {"question": "What is the capital of Peru?"}, context={"max_turn_tokens": 100_000}
    )
    (request,) = fake_server.generations()
    body = request["body"]
    assert result["answer"] == "Lima"
    assert len(body["prompt"]) + body["max_tokens"] + 256 == tokens
