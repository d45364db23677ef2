"""The served model as an ordinary LangChain chat model, and inside a graph."""

from __future__ import annotations

import asyncio

import fake_openai
import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessageChunk
from langgraph.graph import END, START, StateGraph
from typing_extensions import TypedDict

from langgraph_deepsearch.nodes.models.http import IDLE_SECONDS
from langgraph_deepsearch.nodes.models.resolve import resolve_reasoner
from langgraph_deepsearch.nodes.models.served import ServedChatModel

REPLY = "Lima, that is é😀 sure."


@pytest.fixture
def model(fake_server):
    fake_server.script(lambda prompt: REPLY)
    return ServedChatModel(model="fake-model", base_url=fake_server.base_url)


def test_invoke_stream_and_async_give_the_same_message(model):
    whole = model.invoke("Where?")
    streamed = None
    for chunk in model.stream("Where?"):
        streamed = chunk if streamed is None else streamed + chunk

    async def both():
        last = None
        async for chunk in model.astream("Where?"):
            last = chunk if last is None else last + chunk
        return await model.ainvoke("Where?"), last

    for message in (whole, streamed, *asyncio.run(both())):
        ids = message.additional_kwargs["token_ids"]
        assert message.text == REPLY == fake_openai.decode(ids)
        assert message.additional_kwargs["logprobs"] == [
            fake_openai.logprob(i) for i in ids
        ]
        assert message.response_metadata["finish_reason"] == "stop"
        assert message.response_metadata["model_name"] == "fake-model"
        usage = message.usage_metadata
        assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
        assert usage["output_tokens"] == len(ids)


def test_ordinary_use_renders_the_template_and_honours_stop(fake_server, model):
    message = model.invoke([("system", "Be brief."), ("human", "Where?")], stop=["that"])
    assert message.text == "Lima, "
    prompt = fake_server.generations()[-1]["prompt"]
    assert prompt == (
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nWhere?<|im_end|>\n"
        "<|im_start|>assistant\n"
    )


def test_settings_of_the_object_and_of_a_call(fake_server):
    fake_server.script(lambda prompt: REPLY)
    model = ServedChatModel(
        model="fake-model", base_url=fake_server.base_url, temperature=0.0, timeout=3.5
    )
    model.invoke("x", max_tokens=5)
    body = fake_server.generations()[-1]["body"]
    assert (body["temperature"], body["max_tokens"]) == (0.0, 5)
    assert model.client.client().timeout.read == 3.5 != IDLE_SECONDS


def test_key_is_not_printed():
    model = ServedChatModel(model="m", api_key="sesame")
    assert "sesame" not in repr(model)
    assert "sesame" not in str(model.model_dump())


class State(TypedDict, total=False):
    text: str


def graph_over(reasoner, segments, ask):
    def reason(state: State, config) -> State:
        return {"text": reasoner.generate(segments, **ask(config=config)).text}

    async def areason(state: State, config) -> State:
        generation = await reasoner.agenerate(segments, **ask(config=config))
        return {"text": generation.text}

    from langchain_core.runnables import RunnableLambda

    builder = StateGraph(State)
    builder.add_node("reason", RunnableLambda(reason, areason))
    builder.add_edge(START, "reason")
    builder.add_edge("reason", END)
    return builder.compile()


@pytest.mark.parametrize("mode", ["token", "text", "message"])
@pytest.mark.parametrize("is_async", [False, True])
def test_tokens_show_in_the_message_stream_of_a_graph(
    fake_server, messages, ask, mode, is_async
):
    from langgraph_deepsearch.nodes.models.base import chat_segments

    fake_server.script(lambda prompt: REPLY)
    fake_server.no_token_ids = mode != "token"
    fake_server.no_tokenize = mode == "message"
    reasoner = resolve_reasoner("", base_url=fake_server.base_url)
    assert reasoner.exactness == mode
    graph = graph_over(reasoner, chat_segments(messages, reasoner.render(messages)), ask)

    async def astream():
        return [part async for part in graph.astream({}, stream_mode="messages")]

    stream = graph.stream({}, stream_mode="messages")
    parts = asyncio.run(astream()) if is_async else list(stream)
    texts = [chunk.text for chunk, _ in parts if isinstance(chunk, AIMessageChunk)]
    assert "".join(texts) == REPLY
    assert len([text for text in texts if text]) > 5
    assert {meta["langgraph_node"] for _, meta in parts} == {"reason"}


class Seen(BaseCallbackHandler):
    def __init__(self):
        self.tokens, self.ends, self.errors = [], [], []

    def on_llm_new_token(self, token, **kwargs):
        self.tokens.append(token)

    def on_llm_end(self, response, **kwargs):
        self.ends.append(response)

    def on_llm_error(self, error, **kwargs):
        self.errors.append(error)


def test_callbacks_see_every_token_once_and_a_clean_end(fake_server, segments_for, ask):
    fake_server.script(["look <|begin_search_query|>a<|end_search_query|> and much more"])
    reasoner = resolve_reasoner("", base_url=fake_server.base_url)
    seen = Seen()
    generation = reasoner.generate(
        segments_for(reasoner), **ask(config={"callbacks": [seen]})
    )
    assert "".join(seen.tokens) == generation.text
    assert (len(seen.ends), seen.errors) == (1, [])
    message = seen.ends[0].generations[0][0].message
    assert message.additional_kwargs["token_ids"] == generation.token_ids
    assert message.usage_metadata["output_tokens"] == generation.completion_tokens
