"""The services of a run, simulated over real HTTP: two models, a search engine, pages.

A model batches continuously: every sequence under way gets its tokens at the same rate,
which is that of a lone one up to the model's capacity and a share of the full throughput
beyond. It speaks the OpenAI completions protocol with token ids, as vLLM does; without
stop strings it writes on past a query until its client goes away. The search speaks
SearXNG's JSON. Prefill and network take no time.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse
from starlette.routing import Route
from workload import PAGES, Workload

REASONER, SUMMARIZER = "reasoner", "summarizer"
CONTEXT = 32_768
TICK = 0.05
"""Seconds between two chunks of one sequence; tokens of that time come together, as a
busy server's do."""

BEGIN_QUERY, END_QUERY = "<|begin_search_query|>", "<|end_search_query|>"
END_RESULT = "<|end_search_result|>"
_TOKEN = re.compile(r"<\|\w+\|>|\s?[^\s<]+|\s|<")
_ASKED = re.compile(r"\[q(\d+)\]")
_SOUGHT = re.compile(r"q(\d+) step (\d+)")
_CURRENT = re.compile(r"Current search query\*\*\s+q(\d+) step (\d+)")


class Vocabulary:
    """Words as tokens, numbered as they come."""

    def __init__(self) -> None:
        self._ids: dict[str, int] = {}
        self._words: list[str] = []

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text's tokens."""
        ids = []
        for word in _TOKEN.findall(text):
            if word not in self._ids:
                self._ids[word] = len(self._words)
                self._words.append(word)
            ids.append(self._ids[word])
        return ids

    def decode(self, ids: list[int]) -> str:
        """Return the text of ids."""
        return "".join(self._words[i] for i in ids)

    def word(self, token: int) -> str:
        """Return the text of one id."""
        return self._words[token]


class BatchingModel:
    """The speed of a model that batches continuously."""

    def __init__(self, rate: float, capacity: int) -> None:
        self._rate = rate
        self._capacity = capacity
        self._active = 0
        self._served = 0.0
        """Tokens that a sequence under way since the start would have."""
        self._moment = 0.0
        self.peak = 0
        """Most sequences under way at once."""

    def _speed(self) -> float:
        return self._rate * min(1.0, self._capacity / max(1, self._active))

    def _advance(self) -> float:
        now = asyncio.get_running_loop().time()
        self._served += (now - self._moment) * self._speed()
        self._moment = now
        return self._served

    async def tokens(self, count: int) -> AsyncIterator[int]:
        """Yield how many tokens have come since the last time, `count` in all."""
        start, done = self._advance(), 0
        self._active += 1
        self.peak = max(self.peak, self._active)
        try:
            while done < count:
                left = start + count - self._served
                await asyncio.sleep(min(TICK, max(0.0, left / self._speed())))
                come = min(count, int(self._advance() - start + 1e-6))
                if come > done:
                    yield come - done
                    done = come
        finally:
            self._advance()
            self._active -= 1


class ServiceSimulator:
    """All services behind one address, on the running event loop.

    An async context manager. Its time is the loop's (see `idle_clock.py`).
    """

    def __init__(self, workload: Workload) -> None:
        self.workload = workload
        self._vocabulary = Vocabulary()
        self._models: dict[str, BatchingModel] = {}
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=2048)
        self.root = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        config = uvicorn.Config(self._app(), log_level="error", lifespan="off")
        self._server = uvicorn.Server(config)
        self._serving: asyncio.Task[None] | None = None

    async def __aenter__(self) -> ServiceSimulator:
        self._reset()
        # Not `serve`, which would take this program's signals.
        self._serving = asyncio.create_task(self._server._serve([self._socket]))
        while not self._server.started:  # noqa: ASYNC110 - uvicorn offers no event
            await asyncio.sleep(0.01)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.should_exit = self._server.force_exit = True
        if self._serving is not None:
            await self._serving
        self._socket.close()

    @property
    def url(self) -> str:
        """Base URL of the models."""
        return f"{self.root}/v1"

    @property
    def peak(self) -> int:
        """Most sequences that the reasoning model had at once."""
        return self._models[REASONER].peak

    def _reset(self) -> None:
        self._models = {
            REASONER: BatchingModel(self.workload.turn_rate, self.workload.capacity),
            SUMMARIZER: BatchingModel(self.workload.summary_rate, self.workload.capacity),
        }

    def _app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/v1/models", self._list),
                Route("/tokenize", self._tokenize, methods=["POST"]),
                Route("/v1/completions", self._complete, methods=["POST"]),
                Route("/search", self._search),
                Route("/page/{question:int}/{step:int}/{rank:int}", self._page),
            ]
        )

    async def _list(self, request: Request) -> JSONResponse:
        data = [{"id": name, "max_model_len": CONTEXT} for name in self._models]
        return JSONResponse({"object": "list", "data": data})

    async def _tokenize(self, request: Request) -> JSONResponse:
        body = await request.json()
        text = body.get("prompt")
        if text is None:
            turns = (f"<|im_start|>{m['role']}\n{m['content']}" for m in body["messages"])
            text = "".join(f"{turn}<|im_end|>\n" for turn in turns)
            text += "<|im_start|>assistant\n"
        ids = self._vocabulary.encode(text)
        return JSONResponse({"tokens": ids, "count": len(ids), "max_model_len": CONTEXT})

    async def _search(self, request: Request) -> JSONResponse:
        found = _SOUGHT.search(request.query_params["q"])
        if found is None:
            return JSONResponse({"results": []})
        question, step = int(found[1]), int(found[2])
        await asyncio.sleep(self.workload.search_seconds(question, step))
        results = [
            {
                "url": f"{self.root}/page/{question}/{step}/{rank}",
                "title": f"Page {rank} of q{question} step {step}",
                "content": f"The fact of q{question} step {step} stands here.",
            }
            for rank in range(PAGES)
        ]
        return JSONResponse({"results": results})

    async def _page(self, request: Request) -> PlainTextResponse:
        place = request.path_params
        question, step, rank = place["question"], place["step"], place["rank"]
        await asyncio.sleep(self.workload.page_seconds(question, step, rank))
        filler = "Nothing of interest is told in this sentence. " * 20
        fact = f"The fact of q{question} step {step} stands here."
        return PlainTextResponse(f"{filler}{fact} {filler}")

    async def _complete(self, request: Request) -> JSONResponse | StreamingResponse:
        body = await request.json()
        prompt = body["prompt"]
        text = self._vocabulary.decode(prompt) if isinstance(prompt, list) else prompt
        reply = self._vocabulary.encode(self._reply(body["model"], text))
        ids = reply[: body.get("max_tokens", 16)]
        finish = "stop" if len(ids) == len(reply) else "length"
        model = self._models[body["model"]]
        if body.get("stream"):
            usage = {"prompt_tokens": len(prompt), "completion_tokens": len(ids)}
            events = self._events(model, ids, finish, usage)
            return StreamingResponse(events, media_type="text/event-stream")
        async for _ in model.tokens(len(ids)):
            pass
        choice = {**self._choice(ids), "finish_reason": finish}
        return JSONResponse({"model": body["model"], "choices": [choice]})

    async def _events(
        self, model: BatchingModel, ids: list[int], finish: str, usage: dict[str, int]
    ) -> AsyncIterator[str]:
        sent = 0
        async for count in model.tokens(len(ids)):
            choice = self._choice(ids[sent : sent + count])
            sent += count
            choice["finish_reason"] = finish if sent == len(ids) else None
            yield f"data: {json.dumps({'choices': [choice]})}\n\n"
        yield f"data: {json.dumps({'choices': [], 'usage': usage})}\n\n"
        yield "data: [DONE]\n\n"

    def _choice(self, ids: list[int]) -> dict[str, Any]:
        words = [self._vocabulary.word(token) for token in ids]
        logprobs = {"tokens": words, "token_logprobs": [-0.5] * len(words)}
        # `stop_reason` as text: no end token is among the ids.
        return {
            "index": 0,
            "text": "".join(words),
            "token_ids": ids,
            "logprobs": logprobs,
            "stop_reason": "",
        }

    def _reply(self, model: str, prompt: str) -> str:
        """Return what a model writes, to the length that the workload names."""
        if model == SUMMARIZER:
            current = _CURRENT.search(prompt)
            question, step = (int(current[1]), int(current[2])) if current else (0, 0)
            start = f"**Final Information** The fact of q{question} step {step} is"
            length = self.workload.summary_tokens(question, step)
            return self._fill(start, length, ".")
        asked = _ASKED.findall(prompt)
        if not asked:  # a probe
            return "a"
        question = int(asked[-1])
        step = prompt.rpartition(f"[q{question}]")[2].count(END_RESULT)
        length = self.workload.turn_tokens(question, step)
        if step >= self.workload.searches[question]:
            return self._fill(f"All of q{question} is known", length, "\n\n\\boxed{done}")
        query = f" {BEGIN_QUERY}q{question} step {step}{END_QUERY}"
        return self._fill("Let me look for", length, query) + " and so on" * 100

    def _fill(self, start: str, length: int, end: str) -> str:
        """Return start and end with words between them, `length` tokens in all."""
        own = len(self._vocabulary.encode(start)) + len(self._vocabulary.encode(end))
        return start + " so" * (length - own) + end
