"""WebDancer's two ways to sample: a chat model that thinks aloud, and a reasoning model that
is not shown its earlier thoughts; through the graph, over a model server."""

from __future__ import annotations

import json

import pytest
from scripted import FewPages

from langgraph_deepsearch import create_deep_search_agent
from langgraph_deepsearch.curation.pipeline import curate
from langgraph_deepsearch.graph.rollout import RolloutEngine
from langgraph_deepsearch.nodes.models.resolve import forget_reasoners
from langgraph_deepsearch.nodes.thoughts import (
    ThoughtsError,
    context_tokens,
    without_thoughts,
)
from langgraph_deepsearch.questions import Question
from langgraph_deepsearch.trace import read_traces

QUESTION = Question("q", "What is the capital of Peru?", ("Lima",))


def call(query):
    body = json.dumps({"name": "search", "arguments": {"query": [query]}})
    return f"<tool_call>\n{body}\n</tool_call>"


CALLS = [call("peru"), call("lima"), "<answer>\nLima\n</answer>"]
THOUGHTS = ["First of all.", "Second to that.", "At last."]


def turns(before="<think>\n", after="\n</think>\n"):
    return [f"{before}{t}{after}{c}" for t, c in zip(THOUGHTS, CALLS, strict=True)]


@pytest.fixture
def sample(fake_server, tmp_path):
    """Return a function that rolls out the replies; gives prompts and the trace."""

    def run(replies, *, beside=None, **settings):
        left, thoughts = list(replies), list(beside or ())

        def reply(prompt):
            fake_server.thoughts = thoughts.pop(0) if thoughts else ""
            return left.pop(0)

        fake_server.script(reply)
        agent = create_deep_search_agent(
            "fake-model",
            base_url=fake_server.base_url,
            search=FewPages(),
            **{"dialect": "web_dancer", **settings},
        )
        RolloutEngine(agent, tmp_path, scorer=lambda a, g: {"acc": 1.0}).run([QUESTION], 1)
        (trace,) = read_traces(tmp_path)
        forget_reasoners()
        return [r["prompt"] for r in fake_server.generations()], trace

    return run


def make_chat_only(server):
    server.no_token_ids = server.no_tokenize = True


def shown(prompt):
    """Return the model's own turns in a prompt."""
    parts = prompt.split("<|im_start|>assistant\n")[1:-1]
    return [part.partition("<|im_end|>")[0] for part in parts]


def test_short_a_chat_model_sees_all_it_thought(fake_server, sample):
    make_chat_only(fake_server)
    prompts, trace = sample(turns())
    assert shown(prompts[-1]) == turns()[:2]
    assert (trace.answer, trace.exactness) == ("Lima", "message")
    assert trace.settings["keep_thoughts"] is True


def test_long_a_reasoning_model_sees_no_earlier_thought(fake_server, sample):
    make_chat_only(fake_server)
    prompts, trace = sample(CALLS, beside=THOUGHTS, keep_thoughts=False)
    assert shown(prompts[-1]) == CALLS[:2]
    assert not any(thought in prompts[-1] for thought in THOUGHTS)
    assert (trace.answer, trace.exactness) == ("Lima", "message")
    kept = [s.text for s in trace.segments if s.kind == "reason"]
    assert [text.strip() for text in kept] == [f"<think>{t}</think>" for t in THOUGHTS]
    assert all(s.trainable for s in trace.segments if s.kind == "reason")
    assert trace.settings["keep_thoughts"] is False


def test_long_runs_are_curated_into_the_form_of_the_released_ones(
    fake_server, sample, tmp_path
):
    make_chat_only(fake_server)
    sample(CALLS, beside=THOUGHTS, keep_thoughts=False)
    report = curate(tmp_path, tmp_path / "kept", preset="web_dancer_funnel")
    (trace,) = read_traces(tmp_path / "kept" / "curated.jsonl")
    assert report.kept == 1
    written = ["".join(s.text for s in turn if s.trainable) for turn in trace.turns()]
    assert written == turns()


def test_long_token_for_token_the_rest_stays_as_it_was(fake_server, sample):
    prompts, trace = sample(turns(), keep_thoughts=False)
    # A segment begins with a token, which may hold the line break before the call.
    assert [text.strip() for text in shown(prompts[-1])] == CALLS[:2]
    # Each segment has the ids that were sampled; joined they were never one prompt.
    assert trace.exactness == "message"
    seen = [s for s in trace.segments if s.kind != "reason" and s.turn < 3]
    ids = [i for s in seen for i in s.token_ids]
    assert fake_server.generations()[-1]["ids"] == ids


def test_what_is_not_shown_takes_no_room_in_the_context(fake_server, sample):
    make_chat_only(fake_server)
    long = [f"{thought} {'Hm. ' * 500}" for thought in THOUGHTS]
    _, kept = sample(CALLS, beside=long, keep_thoughts=False, max_context_tokens=1500)
    assert (kept.answer, kept.stop_reason) == ("Lima", "answered")


def test_the_same_room_does_not_hold_the_thoughts(fake_server, sample):
    make_chat_only(fake_server)
    long = [f"{thought} {'Hm. ' * 500}" for thought in THOUGHTS]
    _, cut = sample(CALLS, beside=long, max_context_tokens=1500, force_answer=False)
    assert cut.stop_reason == "context_limit"


def test_a_forced_answer_is_asked_for_without_them_too(fake_server, sample):
    make_chat_only(fake_server)
    replies = [CALLS[0], CALLS[2]]
    prompts, trace = sample(replies, beside=THOUGHTS, keep_thoughts=False, max_turns=1)
    assert trace.stop_reason == "turn_limit"
    assert trace.answer == "Lima"
    assert THOUGHTS[0] not in prompts[-1]


@pytest.mark.parametrize(
    "dialect", ["simple_deep_searcher", "r1_searcher", "deep_researcher", "web_dancer:demo"]
)
def test_dialects_without_a_thought_of_each_turn_are_refused(fake_server, dialect):
    fake_server.script(["x"])
    agent = create_deep_search_agent(
        "fake-model", base_url=fake_server.base_url, search=FewPages(), dialect=dialect
    )
    with pytest.raises(ThoughtsError, match="keep_thoughts=false needs a dialect"):
        agent.invoke({"question": "Who?"}, context={"keep_thoughts": False})


def segment(kind, turn, text, *, own=True):
    speaker = "assistant" if own else "user"
    return {
        "kind": kind, "turn": turn, "text": text, "speaker": speaker, "trainable": own,
    }  # fmt: skip


def test_a_turn_that_only_thought_stays():
    transcript = [
        segment("prompt", 0, "Q", own=False),
        segment("reason", 1, "lost"),
        segment("notice", 1, "invalid", own=False),
        segment("reason", 2, "gone"),
        segment("query", 2, "asked"),
        segment("result", 2, "found", own=False),
    ]
    assert [s["text"] for s in without_thoughts(transcript)] == [
        "Q", "lost", "invalid", "asked", "found",
    ]  # fmt: skip
    turn = [segment("reason", 1, "a" * 400), segment("query", 1, "b" * 40)]
    assert context_tokens(100, turn) == 110
