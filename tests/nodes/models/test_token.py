from __future__ import annotations

import asyncio
import time

import fake_openai
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langchain_core.callbacks import BaseCallbackHandler

from langgraph_deepsearch.nodes.models.base import (
    ContextOverflowError,
    ModelError,
    Sampling,
)
from langgraph_deepsearch.nodes.models.call import Call
from langgraph_deepsearch.nodes.models.resolve import resolve_reasoner

STOP = "<|end_search_query|>"
QUERY = f"I must look. <|begin_search_query|>director of Aurora{STOP}"


@pytest.fixture
def reasoner(fake_server):
    return resolve_reasoner("", base_url=fake_server.base_url)


def segment(generation, kind="reason"):
    return {
        "kind": kind,
        "speaker": "assistant",
        "text": generation.text,
        "trainable": True,
        "token_ids": generation.token_ids,
    }


def test_is_token_exact_and_named_after_the_first_served_model(reasoner):
    assert (reasoner.name, reasoner.exactness) == ("fake-model", "token")
    assert reasoner.context_limit == 8192


def test_ids_only_grow_over_turns(fake_server, reasoner, segments_for, ask):
    fake_server.script([QUERY + " and on", f"More. <|begin_search_query|>b{STOP}", "Lima"])
    segments = segments_for(reasoner)
    sent = []
    for turn in range(3):
        generation = reasoner.generate(segments, **ask())
        sent.append(fake_server.generations()[-1]["ids"])
        segments.append(segment(generation))
        text = f"\n\n<|begin_search_result|>page {turn}é<|end_search_result|>\n\n"
        result = {"kind": "result", "speaker": "tool", "text": text}
        segments.append({**result, "token_ids": reasoner.encode(text)})
    for earlier, later, written in zip(sent, sent[1:], segments[1::2], strict=False):
        assert later[: len(earlier)] == earlier
        assert later[len(earlier) :][: len(written["token_ids"])] == written["token_ids"]
    # Joined texts would have given other tokens: the reason for all of this.
    joined = fake_openai.encode("".join(s["text"] for s in segments[1:]))
    assert joined != [i for s in segments[1:] for i in s["token_ids"]]


@pytest.mark.parametrize("chunk_tokens", [1, 2, 3, 50])
def test_cut_falls_on_the_token_that_completes_the_action(
    fake_server, reasoner, segments_for, ask, chunk_tokens
):
    fake_server.chunk_tokens = chunk_tokens
    fake_server.script([f"{QUERY}\n\nIt says that he was born in Lima. \\boxed{{Lima}}"])
    generation = reasoner.generate(segments_for(reasoner), **ask())
    assert generation.finish_reason == "action"
    assert QUERY in generation.text
    assert len(generation.text) - len(QUERY) < fake_openai.TOKEN_BYTES
    assert fake_openai.decode(generation.token_ids) == generation.text


def test_stop_is_never_left_to_the_server(fake_server, reasoner, segments_for, ask):
    fake_server.script([QUERY])
    reasoner.generate(segments_for(reasoner), **ask())
    assert "stop" not in fake_server.generations()[-1]["body"]


def test_closing_the_stream_makes_the_server_stop(fake_server, reasoner, segments_for, ask):
    fake_server.token_delay = 0.002
    fake_server.script([QUERY + " word" * 2000])
    reasoner.generate(segments_for(reasoner), **ask(sampling=Sampling(max_tokens=4000)))
    deadline = time.monotonic() + 5
    while not fake_server.aborted and time.monotonic() < deadline:
        time.sleep(0.01)
    assert fake_server.aborted == 1
    assert fake_server.written < 200


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    reply=st.text(
        st.one_of(st.characters(codec="utf-8"), st.sampled_from("é😀漢\n")), max_size=60
    ),
    chunk_tokens=st.integers(1, 7),
)
def test_text_is_the_decoded_ids_with_a_logprob_each(
    fake_server, reasoner, segments_for, ask, reply, chunk_tokens
):
    fake_server.chunk_tokens = chunk_tokens
    fake_server.script([reply])
    generation = reasoner.generate(segments_for(reasoner), **ask())
    assert generation.text == reply
    assert fake_openai.decode(generation.token_ids) == reply
    for piece in generation.pieces:
        assert piece.logprobs == tuple(fake_openai.logprob(i) for i in piece.token_ids)


def test_ended_turn_has_no_end_token(fake_server, reasoner, segments_for, ask):
    fake_server.script([f"\\boxed{{Lima}}{fake_openai.EOS}never seen"])
    generation = reasoner.generate(segments_for(reasoner), **ask())
    assert (generation.text, generation.finish_reason) == ("\\boxed{Lima}", "stop")
    end = fake_openai.SPECIAL[fake_openai.EOS]
    assert end not in generation.token_ids
    assert (generation.end_id, generation.end_logprob) == (end, fake_openai.logprob(end))


@pytest.mark.parametrize("chunk_tokens", [1, 50])
def test_a_turn_that_was_cut_has_sampled_no_end(
    fake_server, reasoner, segments_for, ask, chunk_tokens
):
    fake_server.chunk_tokens = chunk_tokens
    fake_server.script([QUERY, "word " * 100])
    for limit in (500, 7):  # at its action, which its end token may come with; at the limit
        sampling = Sampling(max_tokens=limit)
        generation = reasoner.generate(segments_for(reasoner), **ask(sampling=sampling))
        assert generation.end_id is generation.end_logprob is None


def test_an_end_after_a_torn_character_is_not_known(
    fake_server, reasoner, segments_for, ask
):
    event = {"finish_reason": "stop", "stop_reason": None, "text": ""}
    known = {
        "token_ids": [7, 2],
        "logprobs": {"tokens": ["", ""], "token_logprobs": [0, -1]},
    }
    call = Call([1])
    call.add({"choices": [{**event, **known}]})
    assert call.end == (2, -1)
    assert call.generation().end_id is None


def test_length_is_told_and_counts_are_the_servers(
    fake_server, reasoner, segments_for, ask
):
    fake_server.script(["word " * 100])
    segments = segments_for(reasoner)
    generation = reasoner.generate(segments, **ask(sampling=Sampling(max_tokens=7)))
    assert generation.finish_reason == "length"
    assert generation.completion_tokens == len(generation.token_ids) == 7
    assert generation.prompt_tokens == len(segments[-1]["token_ids"])
    assert not generation.estimated


def test_character_cut_by_the_limit_is_dropped(fake_server, reasoner, segments_for, ask):
    fake_server.script(["abc😀"])  # the last of its four bytes is a third token
    sampling = Sampling(max_tokens=2)
    generation = reasoner.generate(segments_for(reasoner), **ask(sampling=sampling))
    assert (generation.text, generation.finish_reason) == ("abc", "length")
    assert fake_openai.decode(generation.token_ids) == generation.text


def test_sampling_reaches_the_server(fake_server, reasoner, segments_for, ask):
    fake_server.script(["x"])
    sampling = Sampling(
        temperature=0.1, top_p=0.5, top_k=7, max_tokens=9, seed=3, repetition_penalty=1.05
    )
    reasoner.generate(segments_for(reasoner), **ask(sampling=sampling))
    body = fake_server.generations()[-1]["body"]
    names = ("temperature", "top_p", "top_k", "max_tokens", "seed", "repetition_penalty")
    assert [body[name] for name in names] == [0.1, 0.5, 7, 9, 3, 1.05]


def test_token_limit_is_lowered_to_the_room_left(fake_server, reasoner, segments_for, ask):
    fake_server.script(["fine"])
    reasoner.generate(segments_for(reasoner), **ask(sampling=Sampling(max_tokens=20480)))
    request = fake_server.generations()[-1]
    assert request["body"]["max_tokens"] == 8192 - len(request["ids"])


def test_overflow_is_recognised_here_and_at_the_server(
    fake_server, reasoner, segments_for, ask
):
    fake_server.script(["never"])
    long = {"kind": "result", "speaker": "tool", "text": "", "token_ids": [65536] * 9000}
    segments = [*segments_for(reasoner), long]
    with pytest.raises(ContextOverflowError) as ours:
        reasoner.generate(segments, **ask())
    assert ours.value.limit == 8192
    fake_server.context_limit = 16
    with pytest.raises(ContextOverflowError) as theirs:
        reasoner.generate(segments[:-1], **ask(sampling=Sampling(max_tokens=5)))
    assert theirs.value.limit == 16
    assert not theirs.value.retryable


@pytest.mark.parametrize("is_async", [False, True])
def test_passing_trouble_is_retried(fake_server, reasoner, segments_for, ask, is_async):
    fake_server.script(["fine"])
    fake_server.fail(503, times=1)
    fake_server.fail(429, times=1)
    segments = segments_for(reasoner)
    if is_async:
        generation = asyncio.run(reasoner.agenerate(segments, **ask()))
    else:
        generation = reasoner.generate(segments, **ask())
    assert generation.text == "fine"


def test_lasting_trouble_is_told_as_retryable(fake_server, reasoner, segments_for, ask):
    fake_server.script(["fine"])
    fake_server.fail(500, "out of\n memory", times=9)
    with pytest.raises(ModelError, match="500: out of memory") as error:
        reasoner.generate(segments_for(reasoner), **ask())
    assert error.value.retryable
    assert len(fake_server.generations()) == 3


def test_bad_request_is_not_retried(fake_server, reasoner, segments_for, ask):
    fake_server.script(["fine"])
    fake_server.fail(400, "temperature must be positive")
    with pytest.raises(ModelError, match="temperature must be positive") as error:
        reasoner.generate(segments_for(reasoner), **ask())
    assert not error.value.retryable


@pytest.mark.parametrize("is_async", [False, True])
def test_connection_lost_while_writing_is_an_error_not_a_short_answer(
    fake_server, reasoner, segments_for, ask, is_async
):
    fake_server.script(["a long answer that never ends well"])
    fake_server.drop_after, fake_server.drop_times = 3, 1
    segments = segments_for(reasoner)
    with pytest.raises(ModelError, match="broke off") as error:
        if is_async:
            asyncio.run(reasoner.agenerate(segments, **ask()))
        else:
            reasoner.generate(segments, **ask())
    assert error.value.retryable


def test_silent_server_is_given_up(fake_server, segments_for, ask, monkeypatch):
    monkeypatch.setenv("DEEPSEARCH_IDLE_SECONDS", "0.2")
    reasoner = resolve_reasoner("", base_url=fake_server.base_url)
    fake_server.script(["slow"] * 3)
    fake_server.token_delay = 0.6
    with pytest.raises(ModelError, match="silent too long") as error:
        reasoner.generate(segments_for(reasoner), **ask())
    assert error.value.retryable


async def test_async_gives_the_same(fake_server, reasoner, messages, segments_for, ask):
    fake_server.script([QUERY + " on", QUERY + " on"])
    segments = segments_for(reasoner)
    assert await reasoner.arender(messages) == reasoner.render(messages)
    assert await reasoner.aencode("é x") == reasoner.encode("é x")
    one = await reasoner.agenerate(segments, **ask())
    other = reasoner.generate(segments, **ask())
    assert one.pieces == other.pieces


def test_one_reasoner_over_two_event_loops(fake_server, reasoner, segments_for, ask):
    fake_server.script(lambda prompt: QUERY)
    segments = segments_for(reasoner)

    async def many():
        calls = [reasoner.agenerate(segments, **ask()) for _ in range(8)]
        return {generation.text for generation in await asyncio.gather(*calls)}

    assert asyncio.run(many()) == asyncio.run(many()) == {QUERY}


def test_complete_answers_plain_messages(fake_server, reasoner, messages):
    fake_server.script([f"found{STOP}more", "again"])
    generation = reasoner.complete(messages, Sampling(max_tokens=50))
    assert generation.text == f"found{STOP}more"  # nothing is cut
    assert asyncio.run(reasoner.acomplete(messages, Sampling())).text == "again"


def test_prefix_of_earlier_turns_is_cached(fake_server, reasoner, segments_for, ask):
    fake_server.script(["x" * 90, "y"])
    segments = segments_for(reasoner)
    segments.append(segment(reasoner.generate(segments, **ask())))
    generation = reasoner.generate(segments, **ask())
    assert generation.cached_prompt_tokens >= 16


def test_segment_without_ids_is_refused(reasoner, segments_for, ask):
    bare = {"kind": "result", "speaker": "tool", "text": "x"}
    with pytest.raises(ValueError, match="no token ids"):
        reasoner.generate([*segments_for(reasoner), bare], **ask())


async def test_a_listener_hears_every_token_and_changes_nothing(
    fake_server, reasoner, segments_for, ask
):
    heard = []

    class Listener(BaseCallbackHandler):
        run_inline = True

        def on_llm_new_token(self, token, **kwargs):
            heard.append(token)

        def on_llm_end(self, response, **kwargs):
            heard.append(response.generations[0][0].text)

    class Deaf(BaseCallbackHandler):
        ignore_llm = ignore_chat_model = True

    fake_server.script([QUERY + " and on"] * 4)
    segments = segments_for(reasoner)
    listening = {"callbacks": [Deaf(), Listener()]}
    heard_sync = reasoner.generate(segments, **ask(config=listening))
    assert "".join(heard[:-1]) == heard[-1] == heard_sync.text
    assert heard_sync.text.startswith(QUERY)
    assert len([token for token in heard[:-1] if token]) == len(heard_sync.pieces)
    heard.clear()
    heard_async = await reasoner.agenerate(segments, **ask(config=listening))
    assert "".join(heard[:-1]) == heard[-1] == heard_async.text
    unheard = reasoner.generate(segments, **ask(config={"callbacks": [Deaf()]}))
    unheard_async = await reasoner.agenerate(segments, **ask())
    same = [g.pieces for g in (heard_sync, heard_async, unheard, unheard_async)]
    assert all(pieces == same[0] for pieces in same)
