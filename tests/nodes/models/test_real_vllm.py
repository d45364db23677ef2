"""The token-exact reasoner against vLLM itself, on the packaged model."""

from __future__ import annotations

import asyncio
import time

import httpx
import pytest
from real_vllm import NEEDS_VLLM

from langgraph_deepsearch.nodes.models.base import (
    ContextOverflowError,
    Sampling,
    chat_segments,
)
from langgraph_deepsearch.nodes.models.engine import find_engine
from langgraph_deepsearch.nodes.models.resolve import forget_reasoners, resolve_reasoner

pytestmark = NEEDS_VLLM

QUESTIONS = (
    "Write a line in French, in Chinese and with an emoji.",
    "Say hi.",
    "Name three rivers; use **bold**.",
    "Write a function for Fibonacci numbers.",
)


@pytest.fixture(scope="module")
def server():
    from langgraph_deepsearch.training.serve import ModelServer

    with ModelServer(engine="vllm", name="base", max_length=2048) as running:
        yield running
    forget_reasoners()


@pytest.fixture
def reasoner(server):
    return resolve_reasoner("", base_url=server.url)


def metric(server, name):
    lines = httpx.get(server.url.removesuffix("/v1") + "/metrics").text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(f"vllm:{name}"))


def decode(server, ids):
    url = server.url.removesuffix("/v1") + "/detokenize"
    return httpx.post(url, json={"model": "base", "tokens": ids}).json()["prompt"]


def test_it_is_known_as_vllm(server):
    assert find_engine("", server.url) == "vllm"


def test_text_is_the_decoded_ids(server, reasoner):
    async def one(number):
        chat = [{"role": "user", "content": QUESTIONS[number % len(QUESTIONS)]}]
        return await reasoner.agenerate(
            chat_segments(chat, await reasoner.arender(chat)),
            cut=lambda text: text.find("\n\n") + 2 if "\n\n" in text else None,
            stop=("\n\n",),
            sampling=Sampling(temperature=1.0, max_tokens=64, seed=number),
        )

    async def every():
        return await asyncio.gather(*(one(number) for number in range(20)))

    for generation in asyncio.run(every()):
        assert decode(server, generation.token_ids) == generation.text
        for piece in generation.pieces:
            assert len(piece.logprobs) == len(piece.token_ids)
            assert all(value <= 0 for value in piece.logprobs)


def test_appended_turns_hit_the_prefix_cache(server, reasoner):
    chat = [{"role": "user", "content": "Tell a story. " + "Be careful. " * 300}]
    segments = chat_segments(chat, reasoner.render(chat))
    shares = []
    for turn in range(3):
        hits, asked = (
            metric(server, f"prefix_cache_{n}_total") for n in ("hits", "queries")
        )
        sampling = Sampling(max_tokens=40, seed=turn)
        written = reasoner.generate(
            segments, cut=lambda _: None, stop=(), sampling=sampling
        )
        ids = reasoner.encode("\n\nThe sea is deep. " * 30)
        segments += [
            {"kind": "reason", "text": written.text, "token_ids": written.token_ids},
            {"kind": "result", "text": "\n\nThe sea is deep. " * 30, "token_ids": ids},
        ]
        gained = metric(server, "prefix_cache_hits_total") - hits
        shares.append(gained / (metric(server, "prefix_cache_queries_total") - asked))
    assert min(shares[1:]) > 0.5  # whole blocks of 128 tokens count


def test_server_stops_when_the_action_is_complete(server, reasoner):
    chat = [{"role": "user", "content": "Count to one thousand."}]
    before = metric(server, "generation_tokens_total")
    generation = reasoner.generate(
        chat_segments(chat, reasoner.render(chat)),
        cut=lambda text: 10 if len(text) >= 10 else None,
        stop=(),
        sampling=Sampling(max_tokens=1500),
    )
    assert generation.finish_reason == "action"
    deadline = time.monotonic() + 10
    while metric(server, "num_requests_running") and time.monotonic() < deadline:
        time.sleep(0.1)
    assert metric(server, "generation_tokens_total") - before < 100


def test_overflow_is_recognised(reasoner):
    segment = {"kind": "prompt", "speaker": "user", "text": "", "token_ids": [5] * 3000}
    with pytest.raises(ContextOverflowError) as error:
        reasoner.generate([segment], cut=lambda _: None, stop=(), sampling=Sampling())
    assert error.value.limit == 2048
