"""The compiled graph, driven through every way LangGraph offers."""

from __future__ import annotations

import pytest
from scripted import ANSWER, FewPages, query

from langgraph_deepsearch.tools.factory import SearchSpecError
from langgraph_deepsearch.trace import Document

QUESTION = {"question": "What is the capital of Peru?"}


def test_a_run_searches_and_answers_with_sources(agent_of):
    agent, model, search = agent_of(query("capital of Peru"), ANSWER)
    result = agent.invoke(QUESTION)
    assert (result["answer"], result["stop_reason"]) == ("Lima", "answered")
    assert search.queries == ["capital of Peru"]
    assert [(s["id"], s["url"], s["used"]) for s in result["sources"]] == [
        ("1", "http://w.test/peru", True)
    ]
    assert result["messages"][-1].text == "Lima"
    assert "The capital of Peru is Lima." in model.seen[-1]


async def test_async_gives_the_same(agent_of):
    agent, *_ = agent_of(query("capital of Peru"), ANSWER)
    result = await agent.ainvoke(QUESTION)
    assert (result["answer"], result["stop_reason"]) == ("Lima", "answered")


def test_messages_are_an_input_too(agent_of):
    agent, *_ = agent_of(query("capital of Peru"), ANSWER)
    result = agent.invoke({"messages": [("user", "What is the capital of Peru?")]})
    assert [m.type for m in result["messages"]] == ["human", "ai"]


def test_no_question_is_one_clear_line(agent_of):
    agent, *_ = agent_of(ANSWER)
    with pytest.raises(Exception, match="no question: pass"):
        agent.invoke({"messages": []})


def test_streaming_gives_tokens_and_events(agent_of):
    agent, *_ = agent_of(query("capital of Peru"), ANSWER)
    parts = list(agent.stream(QUESTION, stream_mode=["messages", "custom"]))
    tokens = [p[0].text for mode, p in parts if mode == "messages"]
    events = [p for mode, p in parts if mode == "custom"]
    assert "I " in tokens
    assert events[0] == {"event": "search", "query": "capital of Peru"}
    assert [e["event"] for e in events] == ["search", "result"]


def test_settings_of_a_run_win_over_the_factory(agent_of):
    agent, *_ = agent_of(query("capital of Peru"), max_turns=9)
    result = agent.invoke(QUESTION, context={"max_turns": 1, "force_answer": False})
    assert (result["answer"], result["stop_reason"]) == ("", "turn_limit")


def test_the_search_budget_sends_the_limit_message_and_goes_on(agent_of):
    agent, model, search = agent_of(query("peru"), query("lima"), ANSWER, max_searches=1)
    result = agent.invoke(QUESTION)
    assert search.queries == ["peru"]
    assert "The maximum search limit is exceeded" in model.seen[-1]
    assert result["stop_reason"] == "answered"


def test_a_repeated_query_is_not_searched_again(agent_of):
    agent, model, search = agent_of(query("peru"), query(" peru "), query("Peru"), ANSWER)
    agent.invoke(QUESTION)
    assert search.queries == ["peru", "Peru"]
    assert model.seen[-1].count("You have searched this query.") == 1


def test_a_question_asked_again_on_a_thread_is_not_an_old_message(agent_of):
    from langgraph.checkpoint.memory import InMemorySaver

    agent, *_ = agent_of(ANSWER, checkpointer=InMemorySaver())
    thread = {"configurable": {"thread_id": "t"}}
    asked = []
    for given in (
        {"messages": [("user", "B?")]},
        {"question": "C?"},
        {"question": "C?"},
        {"messages": [("user", "B?")]},
        {"messages": [("user", "B?")]},
    ):
        agent.invoke(given, thread)
        asked.append(agent.get_state(thread).values["run"]["question"])
    assert asked == ["B?", "C?", "C?", "B?", "B?"]


def test_a_search_that_failed_may_be_made_again_and_does_not_count(agent_of):
    agent, model, search = agent_of(
        query("down or peru"), query("down or peru"), ANSWER, max_searches=1
    )
    found, left = search.search, [True]
    search.search = lambda query, k, *, episode=None: found(
        query if left and left.pop() else query.replace("down", ""), k
    )
    result = agent.invoke(QUESTION)
    assert "You have searched this query." not in model.seen[-1]
    assert "The maximum search limit is exceeded" not in model.seen[-1]
    assert "The capital of Peru is Lima." in model.seen[-1]
    assert result["answer"] == "Lima"


def test_a_failed_search_is_told_honestly(agent_of):
    agent, model, _ = agent_of(query("down"), ANSWER)
    result = agent.invoke(QUESTION)
    assert "could not be carried out" in model.seen[-1]
    assert "the search is down" not in model.seen[-1]
    assert result["answer"] == "Lima"


def test_nothing_found_is_told_honestly(agent_of):
    agent, model, _ = agent_of(query("atlantis"), ANSWER)
    agent.invoke(QUESTION)
    assert "No helpful information found." in model.seen[-1]


def test_a_page_cannot_forge_the_end_of_a_result(agent_of):
    agent, model, _ = agent_of(query("trap of peru lima"), ANSWER, top_k=3)
    agent.invoke(QUESTION)
    assert model.seen[-1].count("<|end_search_result|>") == 1


def test_an_empty_query_gets_a_message(agent_of):
    agent, model, search = agent_of(
        "Hm <|begin_search_query|> <|end_search_query|>", ANSWER
    )
    result = agent.invoke(QUESTION)
    assert "the search query is empty" in model.seen[-1]
    assert search.queries == []
    assert result["stop_reason"] == "answered"


def test_a_model_that_lost_the_protocol_is_stopped_and_made_to_answer(agent_of):
    agent, model, _ = agent_of("bla", "bla", "Lima}")
    result = agent.invoke(QUESTION)
    assert result["stop_reason"] == "turn_limit"
    assert model.seen[-1].endswith("\\boxed{")
    assert result["answer"] == "Lima"


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
@pytest.mark.parametrize("exact", [True, False])
async def test_time_that_ends_within_a_turn_ends_the_turn(fake_server, way, exact):
    from langgraph_deepsearch import create_deep_search_agent

    fake_server.no_token_ids = not exact
    fake_server.token_delay = 0.005
    fake_server.script(lambda prompt: "Lima}" if prompt.endswith("{") else "Hm. " * 1000)
    agent = create_deep_search_agent(
        "fake-model", base_url=fake_server.base_url, search=FewPages(), max_seconds=0.3
    )
    run = agent.stream if way == "invoke" else agent.astream
    states = run(QUESTION, stream_mode="values")
    every = list(states) if way == "invoke" else [state async for state in states]
    last = every[-1]
    assert (last["answer"], last["stop_reason"]) == ("Lima", "deadline")
    written = [s for s in last["segments"] if s.get("trainable")]
    assert written[0]["torn"]
    assert len(written[0]["text"]) < 2000


def test_forcing_can_be_switched_off(agent_of):
    agent, model, _ = agent_of("bla", "bla", "Lima}", force_answer=False)
    result = agent.invoke(QUESTION)
    assert (result["answer"], len(model.seen)) == ("", 2)


def test_two_questions_on_one_thread_start_clean(agent_of):
    from langgraph.checkpoint.memory import InMemorySaver

    agent, model, _ = agent_of(query("peru"), ANSWER, checkpointer=InMemorySaver())
    thread = {"configurable": {"thread_id": "t"}}
    agent.invoke(QUESTION, thread)
    second = agent.invoke({"messages": [("user", "And of Chile?")]}, thread)
    assert model.seen[2] == ""
    state = agent.get_state(thread).values
    assert state["run"]["question"] == "And of Chile?"
    assert state["counts"]["turns"] == 2
    assert [s["turn"] for s in state["segments"]] == [0, 1, 1, 1, 2, 2]
    assert len(second["messages"]) == 4 - 1


def test_checkpoints_do_not_grow_with_the_square_of_the_turns(agent_of, tmp_path):
    import sqlite3

    from langgraph.checkpoint.sqlite import SqliteSaver

    def size(turns: int) -> int:
        replies = [f"thinking {'x' * 500} {query(f'peru {n}')}" for n in range(turns)]
        path = tmp_path / f"{turns}.sqlite"
        with SqliteSaver.from_conn_string(str(path)) as saver:
            agent, _, search = agent_of(
                *replies, ANSWER, checkpointer=saver, max_turns=99, max_searches=99
            )
            search.search = five_new_pages
            result = agent.invoke(QUESTION, {"configurable": {"thread_id": "t"}})
            assert result["answer"] == "Lima"
        with sqlite3.connect(path) as db:
            checkpoints = "select sum(length(checkpoint)) from checkpoints"
            writes = "select sum(length(value)) from writes"
            return sum(db.execute(sql).fetchone()[0] for sql in (checkpoints, writes))

    def five_new_pages(query, k, *, episode=None):
        return [
            Document(title=f"{query}, {n}", text="Lima.", url=f"http://w.test/{query}/{n}")
            for n in range(5)
        ]

    ten, forty = size(10), size(40)
    assert forty < 4.5 * ten


def test_the_agent_is_a_tool(agent_of):
    from langgraph_deepsearch import deep_search_tool

    agent, *_ = agent_of(query("capital of Peru"), ANSWER)
    tool = deep_search_tool(agent)
    assert tool.invoke({"question": "Capital of Peru?"}).startswith(
        "Lima\n\nSources:\n[1] Peru"
    )
    as_tool = agent.as_tool(
        arg_types={"question": str}, name="search", description="deep search"
    )
    assert as_tool.invoke(QUESTION)["answer"] == "Lima"


async def test_the_agent_is_a_node_of_another_graph(agent_of):
    from langgraph.graph import END, START, MessagesState, StateGraph

    agent, *_ = agent_of(query("capital of Peru"), ANSWER)
    app = StateGraph(MessagesState)
    app.add_node("research", agent)
    app.add_edge(START, "research")
    app.add_edge("research", END)
    result = await app.compile().ainvoke({"messages": [("user", "Capital of Peru?")]})
    assert result["messages"][-1].text == "Lima"


@pytest.mark.parametrize("bad", [{"max_turns": 0}, {"nonsense": 1}, {"condenser": "magic"}])
def test_bad_settings_are_refused_when_the_agent_is_made(bad):
    from langgraph_deepsearch import create_deep_search_agent

    with pytest.raises(ValueError, match=next(iter(bad))):
        create_deep_search_agent("m", **bad)


@pytest.mark.parametrize("spec", ["bogus", "corpus:", "http+bogus:http://x.test", ""])
def test_an_unknown_search_is_refused_when_the_agent_is_made(spec):
    from langgraph_deepsearch import create_deep_search_agent
    from langgraph_deepsearch.graph.report import create_report_agent

    for make in (create_deep_search_agent, create_report_agent):
        with pytest.raises(SearchSpecError, match=r"use .*http") as caught:
            make("m", search=spec)
        assert "\n" not in str(caught.value)
        make("m", search="corpus:not-there-yet.jsonl")
