"""One trace a run, whatever drives the graph."""

from __future__ import annotations

import asyncio

import pytest
from scripted import ANSWER, query

from langgraph_deepsearch.trace import TraceFileError, read_traces

QUESTION = {"question": "What is the capital of Peru?"}


def traces(path):
    return list(read_traces(path))


def test_invoke_leaves_one_trace_that_tells_the_whole_run(agent_of, tmp_path):
    agent, *_ = agent_of(query("capital of Peru"), ANSWER, trace_dir=tmp_path)
    agent.invoke(QUESTION)
    (trace,) = traces(tmp_path)
    assert [(s.kind, s.trainable) for s in trace.segments] == [
        ("prompt", False),
        ("reason", True),
        ("query", True),
        ("result", False),
        ("reason", True),
        ("answer", True),
    ]
    assert (trace.answer, trace.stop_reason, trace.exactness) == (
        "Lima",
        "answered",
        "text",
    )
    assert (trace.usage.turns, trace.usage.searches) == (2, 1)
    assert trace.searches[0].documents[0].id == trace.sources[0].id == "1"
    assert trace.sources[0].used
    assert trace.settings["limits"]["turns"] == 15
    assert trace.started_at.endswith("+00:00")


async def test_every_way_of_running_leaves_one(agent_of, tmp_path):
    agent, *_ = agent_of(query("capital of Peru"), ANSWER, trace_dir=tmp_path)
    await agent.ainvoke(QUESTION)
    list(agent.stream(QUESTION, stream_mode="updates"))
    async for _ in agent.astream(QUESTION, stream_mode="values"):
        pass
    agent.batch([QUESTION, QUESTION])
    found = traces(tmp_path)
    assert [t.answer for t in found] == ["Lima"] * 5
    assert len({t.id for t in found}) == 5


def test_the_environment_makes_any_run_leave_one(agent_of, tmp_path, monkeypatch):
    monkeypatch.setenv("DEEPSEARCH_TRACE_DIR", str(tmp_path))
    agent, *_ = agent_of(ANSWER)
    agent.invoke(QUESTION)
    assert len(traces(tmp_path)) == 1


def test_inside_another_graph_it_leaves_one(agent_of, tmp_path):
    from langgraph.graph import END, START, MessagesState, StateGraph

    agent, *_ = agent_of(query("capital of Peru"), ANSWER, trace_dir=tmp_path)
    app = StateGraph(MessagesState)
    app.add_node("research", agent)
    app.add_edge(START, "research")
    app.add_edge("research", END)
    app.compile().invoke({"messages": [("user", "Capital of Peru?")]})
    assert [t.answer for t in traces(tmp_path)] == ["Lima"]


def test_as_a_tool_it_leaves_one(agent_of, tmp_path):
    from langgraph_deepsearch import deep_search_tool

    agent, *_ = agent_of(ANSWER, trace_dir=tmp_path)
    deep_search_tool(agent).invoke({"question": "Capital of Peru?"})
    assert len(traces(tmp_path)) == 1


def test_a_run_that_breaks_is_recorded_as_an_error(agent_of, tmp_path):
    class Broken:
        name = "broken"
        returns_full_text = True
        settings = {}

        def search(self, query, k, *, episode=None):
            raise ZeroDivisionError("a bug")

    from langgraph_deepsearch import create_deep_search_agent

    _, model, _ = agent_of(query("capital of Peru"))
    agent = create_deep_search_agent(
        model, search=Broken(), condenser="extractive", trace_dir=tmp_path
    )
    with pytest.raises(ZeroDivisionError):
        agent.invoke(QUESTION)
    (trace,) = traces(tmp_path)
    assert (trace.stop_reason, trace.error) == ("error", "a bug")
    assert trace.id.endswith(".error")


def test_resume_after_an_interrupt_leaves_one(agent_of, tmp_path):
    from langgraph.checkpoint.memory import InMemorySaver

    agent, *_ = agent_of(
        query("peru"),
        query("lima"),
        ANSWER,
        trace_dir=tmp_path,
        checkpointer=InMemorySaver(),
    )
    thread = {"configurable": {"thread_id": "t"}}
    agent.invoke(QUESTION, thread, interrupt_before=["summarize"])
    assert not (tmp_path / "traces.jsonl").exists()
    agent.invoke(None, thread, interrupt_before=["summarize"])
    agent.invoke(None, thread)
    (trace,) = traces(tmp_path)
    assert trace.usage.searches == 2
    assert [s.kind for s in trace.segments].count("result") == 2
    assert trace.answer == "Lima"


def test_condenser_calls_are_child_records(agent_of, tmp_path):
    from scripted import ScriptedModel

    from langgraph_deepsearch.nodes.condensers.extractive import ExtractiveCondenser
    from langgraph_deepsearch.nodes.condensers.reason_in_documents import ReasonInDocuments
    from langgraph_deepsearch.nodes.models.continuation import ContinuationReasoner

    reply = "Let me see.</think>**Final Information**\nThe capital\nis Lima."
    summarizer = ScriptedModel(replies=[reply], seen=[])
    condenser = ReasonInDocuments(
        ContinuationReasoner(summarizer, "reader-model"), fallback=ExtractiveCondenser()
    )
    agent, model, _ = agent_of(
        query("capital of Peru"), ANSWER, condenser=condenser, trace_dir=tmp_path
    )
    agent.invoke(QUESTION)
    (trace,) = traces(tmp_path)
    (child,) = trace.children
    assert (child.step, child.model, child.turn) == ("condense", "reader-model", 1)
    assert "What is the capital of Peru?" in child.segments[0].text
    assert child.segments[-1].trainable
    assert (
        "<|begin_search_result|>The capital is Lima.<|end_search_result|>" in model.seen[-1]
    )
    assert trace.usage.child_completion_tokens > 0


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
async def test_a_trace_that_cannot_be_written_is_no_silence(agent_of, tmp_path, way):
    file = tmp_path / "a-file"
    file.write_text("")
    agent, model, _ = agent_of(ANSWER, trace_dir=file)
    with pytest.raises(TraceFileError, match="give another trace_dir"):
        if way == "invoke":
            agent.invoke(QUESTION)
        else:
            await agent.ainvoke(QUESTION)
    assert model.seen == [], "it is said before a model writes"


def test_a_fork_leaves_a_trace_of_its_own(agent_of, tmp_path):
    from langgraph.checkpoint.memory import InMemorySaver

    agent, *_ = agent_of(
        query("peru"), ANSWER, trace_dir=tmp_path, checkpointer=InMemorySaver()
    )
    thread = {"configurable": {"thread_id": "t"}}
    agent.invoke(QUESTION, thread)
    earlier = next(s for s in agent.get_state_history(thread) if s.next == ("summarize",))
    agent.invoke(None, earlier.config)
    agent.invoke(None, earlier.config)
    ids = [trace.id for trace in traces(tmp_path)]
    assert len(set(ids)) == 3
    assert all(name.startswith(f"{ids[0]}.") for name in ids[1:])


async def test_many_runs_at_once_leave_one_each(agent_of, tmp_path):
    agent, *_ = agent_of(query("capital of Peru"), ANSWER, trace_dir=tmp_path)
    questions = [{"question": f"What is the capital of Peru, {n}?"} for n in range(20)]
    silent = {"trace_dir": None}
    await asyncio.gather(
        *(agent.ainvoke(q) for q in questions),
        *(agent.ainvoke(q, context=silent) for q in questions),
    )
    found = traces(tmp_path)
    assert sorted(t.question for t in found) == sorted(q["question"] for q in questions)
    assert all([s.kind for s in t.segments].count("result") == 1 for t in found)


async def test_a_run_that_breaks_under_ainvoke_is_recorded_once(agent_of, tmp_path):
    agent, _, search = agent_of(query("peru"), query("lima"), trace_dir=tmp_path)

    async def broken(query, k, *, episode=None):
        if "lima" in query:
            raise ZeroDivisionError("a bug")
        return search.search(query, k)

    search.asearch = broken
    with pytest.raises(ZeroDivisionError):
        await agent.ainvoke(QUESTION)
    (trace,) = traces(tmp_path)
    assert (trace.stop_reason, trace.error) == ("error", "a bug")
    assert [s.kind for s in trace.segments].count("query") == 2, "the last turn is kept"
