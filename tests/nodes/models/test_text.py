"""The reasoners without token ids: continuation, and chat turns."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from pydantic import Field

from langgraph_deepsearch.nodes.models.base import (
    ContextOverflowError,
    ModelError,
    Sampling,
    chat_segments,
)
from langgraph_deepsearch.nodes.models.continuation import ContinuationReasoner
from langgraph_deepsearch.nodes.models.message import MessageReasoner
from langgraph_deepsearch.nodes.models.resolve import reasoner_over, resolve_reasoner

STOP = "<|end_search_query|>"
BEGIN = "<|begin_search_query|>"
QUERY = f"I must look. {BEGIN}director of Aurora{STOP}"
RESULT = "\n\n<|begin_search_result|>He was born in Lima.<|end_search_result|>\n\n"


class Scripted(BaseChatModel):
    """A chat-only model that streams fixed chunks and keeps what it was asked."""

    chunks: list[Any] = []
    continues_text: bool = False
    error: Any = None
    asked: list[Any] = []

    @property
    def _llm_type(self):
        return "scripted"

    def _stream(self, messages, stop=None, run_manager=None, **kwargs):
        self.asked.append((messages, stop, kwargs))
        if self.error is not None:
            raise self.error
        for chunk in self.chunks:
            message = chunk if isinstance(chunk, AIMessageChunk) else AIMessageChunk(chunk)
            yield ChatGenerationChunk(message=message)

    def _generate(self, messages, stop=None, run_manager=None, **kwargs):
        text = "".join(chunk for chunk in self.chunks if isinstance(chunk, str))
        return ChatResult(generations=[ChatGeneration(message=AIMessage(text))])


class Errors(BaseCallbackHandler):
    def __init__(self):
        self.seen = []

    def on_llm_error(self, error, **kwargs):
        self.seen.append(error)


def transcript(messages):
    return [
        *chat_segments(messages, None),
        {"kind": "query", "speaker": "assistant", "text": QUERY, "trainable": True},
        {"kind": "result", "speaker": "tool", "text": RESULT, "trainable": False},
    ]


def finish(reason, **usage):
    counts = {"input_tokens": 5, "output_tokens": 3, "total_tokens": 8} if usage else None
    details = {"finish_reason": reason}
    return AIMessageChunk("", response_metadata=details, usage_metadata=counts)


def test_server_that_continues_gets_the_partial_message(fake_server, messages, ask):
    fake_server.no_token_ids = True
    reasoner = resolve_reasoner("", base_url=fake_server.base_url)
    assert isinstance(reasoner, ContinuationReasoner)
    fake_server.script([QUERY, "So \\boxed{Lima}"])
    first = reasoner.generate(chat_segments(messages, None), **ask())
    assert (first.text, first.finish_reason) == (QUERY, "action")
    reasoner.generate(transcript(messages), **ask())
    opened, continued = (r["prompt"] for r in fake_server.generations())
    assert opened.endswith("<|im_start|>assistant\n")
    assert continued == opened + QUERY + RESULT


def test_thoughts_dropping_template_is_not_trusted_with_continuation(fake_server):
    fake_server.no_token_ids = fake_server.no_continuation = True
    reasoner = resolve_reasoner("", base_url=fake_server.base_url)
    assert isinstance(reasoner, MessageReasoner)
    assert reasoner.exactness == "message"


def test_server_that_cannot_show_its_prompt_gets_chat_turns(fake_server, messages, ask):
    fake_server.no_tokenize = True
    reasoner = resolve_reasoner("", base_url=fake_server.base_url)
    assert isinstance(reasoner, MessageReasoner)
    fake_server.script(["\\boxed{Lima}"])
    reasoner.generate(transcript(messages), **ask(sampling=Sampling(top_k=3)))
    body = fake_server.generations()[-1]["body"]
    assert [m["role"] for m in body["messages"]] == ["user", "assistant", "user"]
    assert "top_k" not in body  # transformers' server answers 422 to a field it lacks


@pytest.mark.parametrize("is_async", [False, True])
def test_ignored_stop_is_cut_here_and_is_no_error_in_tracing(
    fake_server, messages, ask, is_async
):
    fake_server.no_token_ids = fake_server.ignore_stop = True
    fake_server.token_delay = 0.002
    fake_server.script([QUERY + " word" * 1000])
    reasoner = resolve_reasoner("", base_url=fake_server.base_url)
    errors = Errors()
    segments, arguments = chat_segments(messages, None), ask(config={"callbacks": [errors]})
    if is_async:
        generation = asyncio.run(reasoner.agenerate(segments, **arguments))
    else:
        generation = reasoner.generate(segments, **arguments)
    assert (generation.text, generation.finish_reason) == (QUERY, "action")
    assert fake_server.written < 200
    assert errors.seen == []


class Provider(Scripted):
    """A chat model with a provider's fields, which refuses what it is told to."""

    temperature: float | None = None
    top_p: float | None = None
    max_output_tokens: int | None = Field(default=None, alias="max_tokens")
    refuses: str = ""
    used: list[Any] = []

    def _stream(self, messages, stop=None, run_manager=None, **kwargs):
        own = (self.temperature, self.top_p, self.max_output_tokens)
        self.used.append(own)
        if self.refuses and own[1] is not None:
            raise ModelError(self.refuses)
        yield from super()._stream(messages, stop, run_manager, **kwargs)


@pytest.mark.filterwarnings("ignore:Provider does not take")
@pytest.mark.parametrize("is_async", [False, True])
def test_an_object_is_given_the_runs_sampling(messages, ask, is_async):
    reasoner = reasoner_over(Provider(chunks=["ok"], used=[]))
    sampling = Sampling(temperature=0.1, top_p=0.2, max_tokens=30, seed=4)
    arguments = ask(sampling=sampling)
    if is_async:
        asyncio.run(reasoner.agenerate(chat_segments(messages, None), **arguments))
    else:
        reasoner.generate(chat_segments(messages, None), **arguments)
    assert reasoner._model.used == [(0.1, 0.2, 30)]
    lacks = ("sampling_top_k", "seed", "repetition_penalty")
    assert reasoner.overridden == dict.fromkeys(lacks)


def test_what_the_object_sets_itself_counts_and_what_it_lacks_is_told(messages, ask):
    reasoner = reasoner_over(Provider(chunks=["ok"], temperature=0.0, used=[]))
    with pytest.warns(UserWarning, match="Provider does not take seed"):
        reasoner.generate(chat_segments(messages, None), **ask(sampling=Sampling(seed=1)))
    assert reasoner._model.used == [(0.0, 0.95, 20480)]
    assert reasoner.overridden["temperature"] == 0.0


def test_what_the_provider_refuses_is_left_out_once_and_for_all(messages, ask):
    refusal = "`temperature` and `top_p` cannot both be specified for this model"
    reasoner = reasoner_over(Provider(chunks=["ok"], refuses=refusal, used=[]))
    with pytest.warns(UserWarning, match="Provider does not take top_p"):
        reasoner.generate(chat_segments(messages, None), **ask(sampling=Sampling()))
    reasoner.generate(chat_segments(messages, None), **ask(sampling=Sampling()))
    assert [used[:2] for used in reasoner._model.used] == [
        (0.6, 0.95),
        (0.6, None),
        (0.6, None),
    ]
    assert reasoner.overridden["top_p"] is None


def test_counts_come_from_the_server_or_are_estimated(fake_server, messages, ask):
    fake_server.no_token_ids = True
    fake_server.script(["nine char", "nine char"])
    reasoner = resolve_reasoner("", base_url=fake_server.base_url)
    segments = chat_segments(messages, None)
    counted = reasoner.generate(segments, **ask())
    assert (counted.estimated, counted.completion_tokens) == (False, 4)  # end token too
    fake_server.no_usage = True
    guessed = reasoner.generate(segments, **ask())
    assert (guessed.estimated, guessed.completion_tokens) == (True, 3)


def test_served_thoughts_are_kept(fake_server, messages, ask):
    fake_server.no_tokenize = True
    fake_server.thoughts = "hm, Lima?"
    fake_server.script(["\\boxed{Lima}"])
    reasoner = resolve_reasoner("", base_url=fake_server.base_url)
    generation = reasoner.generate(chat_segments(messages, None), **ask())
    assert generation.text == "<think>hm, Lima?</think>\n\n\\boxed{Lima}"


@pytest.mark.parametrize(
    "chunk",
    [
        AIMessageChunk("", additional_kwargs={"reasoning_content": "hm"}),
        AIMessageChunk("", additional_kwargs={"reasoning": "hm"}),
        AIMessageChunk([{"type": "thinking", "thinking": "hm", "index": 0}]),
        AIMessageChunk([{"type": "reasoning", "reasoning": "hm", "index": 0}]),
    ],
)
def test_thoughts_of_any_provider_are_kept(messages, ask, chunk):
    reasoner = reasoner_over(Scripted(chunks=[chunk, "Lima", finish("stop")]))
    generation = reasoner.generate(chat_segments(messages, None), **ask())
    assert generation.text == "<think>hm</think>\n\nLima"


def test_turns_alternate_and_results_are_the_users(messages, ask):
    model = Scripted(chunks=["ok", finish("stop")], asked=[])
    notice = {"kind": "notice", "speaker": "assistant", "text": "Now.", "trainable": False}
    reasoner_over(model).generate([*transcript(messages), notice], **ask())
    sent, stop, _ = model.asked[0]
    assert [m.type for m in sent] == ["human", "ai", "human"]
    assert sent[2].text == f"{RESULT}Now."
    assert stop == [STOP]


def test_model_that_continues_gets_one_text_and_the_seed(messages, ask):
    model = Scripted(chunks=["next"], continues_text=True, asked=[])
    reasoner = reasoner_over(model)
    assert reasoner.exactness == "text"
    reasoner.generate(transcript(messages), **ask(sampling=Sampling(seed=11)))
    sent, _, options = model.asked[0]
    assert [m.type for m in sent] == ["human", "ai"]
    assert sent[1].text == QUERY + RESULT
    assert options["seed"] == 11


def test_swallowed_stop_string_is_put_back(messages, ask):
    reasoner = reasoner_over(Scripted(chunks=[f"look {BEGIN}who", finish("stop")]))
    generation = reasoner.generate(chat_segments(messages, None), **ask())
    assert generation.text == f"look {BEGIN}who{STOP}"
    assert generation.finish_reason == "action"


@pytest.mark.parametrize("reason", ["length", "end_turn"])
def test_stop_string_is_not_made_up(messages, ask, reason):
    reasoner = reasoner_over(Scripted(chunks=[f"look {BEGIN}who", finish(reason)]))
    generation = reasoner.generate(chat_segments(messages, None), **ask())
    assert generation.text == f"look {BEGIN}who"
    assert generation.finish_reason == ("length" if reason == "length" else "stop")


def test_tag_split_over_chunks_is_cut_exactly(messages, ask):
    chunks = [*f"{QUERY} and more text"]
    reasoner = reasoner_over(Scripted(chunks=chunks))
    generation = reasoner.generate(chat_segments(messages, None), **ask())
    assert (generation.text, generation.finish_reason) == (QUERY, "action")


def test_openai_overflow_by_way_of_langchain_is_recognised(fake_server, messages, ask):
    from langchain_openai import ChatOpenAI

    fake_server.context_limit = 4
    model = ChatOpenAI(model="fake-model", base_url=fake_server.base_url, api_key="x")
    with pytest.raises(ContextOverflowError) as error:
        resolve_reasoner(model).generate(chat_segments(messages, None), **ask())
    assert error.value.limit == 4


def test_openai_failures_are_told_apart(fake_server, messages, ask):
    from langchain_openai import ChatOpenAI

    options = {"base_url": fake_server.base_url, "api_key": "x", "max_retries": 0}
    reasoner = resolve_reasoner(ChatOpenAI(model="fake-model", **options))
    segments = chat_segments(messages, None)
    fake_server.script(["fine"])
    for status, retryable in ((400, False), (429, True), (503, True)):
        fake_server.fail(status)
        with pytest.raises(ModelError) as error:
            reasoner.generate(segments, **ask())
        assert error.value.retryable is retryable


def test_model_that_refuses_stop_is_asked_without(fake_server, messages, ask):
    from langchain_openai import ChatOpenAI

    model = ChatOpenAI(model="fake-model", base_url=fake_server.base_url, api_key="x")
    fake_server.script([QUERY + " and on"])
    fake_server.fail(400, "Unsupported parameter: 'stop' is not supported with this model.")
    generation = resolve_reasoner(model).generate(chat_segments(messages, None), **ask())
    assert generation.text == QUERY
    assert ["stop" in r["body"] for r in fake_server.generations()] == [True, False]


def test_defect_of_a_model_class_is_not_hidden(messages, ask):
    reasoner = reasoner_over(Scripted(error=KeyError("a defect")))
    with pytest.raises(KeyError):
        reasoner.generate(chat_segments(messages, None), **ask())
