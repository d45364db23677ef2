"""Tokens a second through the agent against a bare client, and prefix-cache hits.

    DEEPSEARCH_VLLM_PYTHON=… python benchmarks/vllm_agent_throughput.py
    python benchmarks/vllm_agent_throughput.py --url http://127.0.0.1:8000/v1

Starts vLLM (or uses the server at --url), then in turn, `--repeats` times:

agent: `RolloutEngine` runs questions through the real graph; every turn is a search.
bare: the same prompts, token for token, and as many tokens back, sent by plain HTTP
without streaming; as many requests at once, each run's in order. A cache salt of its own
keeps it from finding the agent's blocks, and its own it finds as the agent does.

Any model will do: here an action is a number of words, whatever they say. The search
answers at once. What counts is the tokens the runs keep, over the wall time.

Prefix cache: blocks that a run's own earlier turn has filled can be found again, a new
result cannot. The share is `vllm:prefix_cache_hits_total` over the tokens of those
blocks; what first turns share with each other (the template's beginning) is taken off.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import pairwise, takewhile
from typing import Any

import httpx

from langgraph_deepsearch import create_deep_search_agent
from langgraph_deepsearch.graph.rollout import RolloutEngine
from langgraph_deepsearch.nodes.dialects import Action
from langgraph_deepsearch.nodes.dialects.base import TurnPart
from langgraph_deepsearch.nodes.dialects.simple_deep_searcher import (
    SimpleDeepSearcherDialect,
)
from langgraph_deepsearch.nodes.models.base import Generation, SegmentDict
from langgraph_deepsearch.nodes.models.served import ServedChatModel
from langgraph_deepsearch.nodes.models.token import TokenReasoner, transcript_ids
from langgraph_deepsearch.questions import Question
from langgraph_deepsearch.trace import Document
from langgraph_deepsearch.training.serve import ModelServer

AIM = 0.95
"""Of both figures, at least."""

SERVED_NAME = "bench"
CONTEXT = 4096
EVIDENCE_WORDS = 60
"""Words of a search's one document: about 80 tokens, a short summary."""

TOKENS_A_WORD = 6
"""Room for a turn: small models write numbers and lists, many tokens a word."""


class WordsDialect(SimpleDeepSearcherDialect):
    """Every turn is a search after a number of words, whatever the model writes."""

    name = "words"
    repeats_searches = True

    def __init__(self, words: int) -> None:
        self._end = re.compile(rf"\s*(?:\S+\s+){{{words - 1}}}\S+(?=\s)")

    def first_action_end(self, text: str) -> int | None:
        found = self._end.match(text)
        return None if found is None else found.end()

    def parse(self, text: str) -> Action:
        query = " ".join(text.split()[-6:])
        if not query:
            return Action("invalid", text="nothing was written")
        return Action("search", queries=(query,))

    def split_turn(self, text: str) -> list[TurnPart]:
        return [TurnPart("query", 0, len(text))] if text else []

    def extract_answer(self, text: str) -> str | None:
        return None


class InstantSearch:
    """Finds one document of made-up words for any query."""

    name = "instant"
    returns_full_text = True

    @property
    def settings(self) -> Mapping[str, Any]:
        """Nothing changes what it finds."""
        return {}

    def search(self, query: str, k: int, *, episode: Any = None) -> list[Document]:
        words = (f"fact{hash((query, n)) % 997}" for n in range(EVIDENCE_WORDS))
        return [Document(title=query[:40], text=" ".join(words), url="http://a.example")]

    async def asearch(self, query: str, k: int, *, episode: Any = None) -> list[Document]:
        return self.search(query, k)


@dataclass
class Chain:
    """One run's calls in order: prompts and how many tokens came back."""

    prompts: list[list[int]] = field(default_factory=list)
    written: list[int] = field(default_factory=list)

    def cacheable(self, block: int) -> int:
        """Return the prompt tokens in blocks that the run's call before has filled."""
        total = 0
        for (prompt, written), later in zip(
            zip(self.prompts, self.written, strict=True), self.prompts[1:], strict=False
        ):
            # The last token written was never read by the model.
            known = min(len(prompt) + written - 1, len(later) - 1)
            total += known // block * block
        return total


class RecordingReasoner(TokenReasoner):
    """Notes every call of a run; runs are told apart by their prompt's beginning."""

    def __init__(self, model: ServedChatModel) -> None:
        super().__init__(model, context_limit=CONTEXT)
        self.chains: dict[tuple[int, ...], Chain] = {}

    async def agenerate(
        self, segments: Sequence[SegmentDict], **arguments: Any
    ) -> Generation:
        generation = await super().agenerate(segments, **arguments)
        first = tuple(transcript_ids([s for s in segments if s["kind"] == "prompt"]))
        chain = self.chains.setdefault(first, Chain())
        chain.prompts.append(transcript_ids(segments))
        chain.written.append(len(generation.token_ids or ()))
        return generation


@dataclass
class Phase:
    """What one pass took."""

    tokens: int
    seconds: float
    cpu: float
    """CPU seconds of the client."""

    @property
    def rate(self) -> float:
        """Tokens a second."""
        return self.tokens / self.seconds


async def run_agent(
    url: str, options: argparse.Namespace, number: int
) -> tuple[Phase, list[Chain]]:
    """Run questions through the agent; return what it took and every call."""
    model = ServedChatModel(model=options.name, base_url=url)
    reasoner = RecordingReasoner(model)
    agent = create_deep_search_agent(
        reasoner,
        search=InstantSearch(),
        condenser="none",
        dialect=WordsDialect(options.words),
        max_turns=options.turns,
        max_searches=options.turns,
        max_turn_tokens=options.words * TOKENS_A_WORD,
        force_answer=False,
        temperature=1.0,
    )
    # The question leads with its number: first turns share no more than the template.
    questions = [
        Question(f"q{n}", f"Number {number * 100_000 + n}: tell about it.", ())
        for n in range(options.runs)
    ]
    with tempfile.TemporaryDirectory() as folder:
        engine = RolloutEngine(agent, folder, concurrency=options.concurrency)
        started, cpu = time.monotonic(), time.process_time()
        progress = await engine.arun(questions)
        seconds, cpu = time.monotonic() - started, time.process_time() - cpu
    if progress.failed:
        msg = f"{progress.failed} of {options.runs} runs failed; look at the server's log"
        raise SystemExit(msg)
    chains = list(reasoner.chains.values())
    return Phase(sum(sum(chain.written) for chain in chains), seconds, cpu), chains


async def run_bare(
    url: str, options: argparse.Namespace, chains: Sequence[Chain], number: int
) -> Phase:
    """Send the same prompts by plain HTTP; return what it took."""
    waiting = iter(chains)
    tokens = 0

    async def worker(client: httpx.AsyncClient) -> None:
        nonlocal tokens
        for chain in waiting:
            for prompt, count in zip(chain.prompts, chain.written, strict=True):
                got = await _complete(client, options, prompt, count, number)
                tokens += got

    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=url, timeout=600, limits=limits) as client:
        started, cpu = time.monotonic(), time.process_time()
        await asyncio.gather(*(worker(client) for _ in range(options.concurrency)))
        seconds, cpu = time.monotonic() - started, time.process_time() - cpu
    return Phase(tokens, seconds, cpu)


async def _complete(
    client: httpx.AsyncClient,
    options: argparse.Namespace,
    prompt: list[int],
    count: int,
    number: int,
) -> int:
    if not count:
        return 0
    body = {
        "model": options.name,
        "prompt": prompt,
        "max_tokens": count,
        "ignore_eos": True,
        "temperature": 1.0,
        "top_p": 0.95,
        "top_k": 40,
        "seed": len(prompt),
        "logprobs": 0,
        "return_token_ids": True,
        "cache_salt": f"bare-{number}",
    }
    answer = (await client.post("/completions", json=body)).raise_for_status().json()
    return answer["usage"]["completion_tokens"]


def metrics(url: str) -> dict[str, float]:
    """Return the server's counters, summed over labels; empty where it has none."""
    answer = httpx.get(f"{url.removesuffix('/v1')}/metrics")
    if answer.is_error:
        return {}
    totals: dict[str, float] = {}
    for line in answer.text.splitlines():
        if line.startswith("vllm:"):
            name = re.split(r"[{ ]", line, maxsplit=1)[0]
            totals[name] = totals.get(name, 0.0) + float(line.rpartition(" ")[2])
            if block := re.search(r'[{,]block_size="(\d+)"', line):
                totals["block_size"] = float(block[1])
    return totals


def shared_start(chains: Sequence[Chain], block: int) -> int:
    """Return the tokens in full blocks that first turns share, summed over the runs."""
    firsts = [chain.prompts[0] for chain in chains]
    columns = takewhile(lambda column: len(set(column)) == 1, zip(*firsts, strict=False))
    return sum(1 for _ in columns) // block * block * len(firsts)


def is_append_only(chain: Chain) -> bool:
    """Return whether each prompt begins with the one before it."""
    return all(b[: len(a)] == a for a, b in pairwise(chain.prompts))


def measure(url: str, options: argparse.Namespace) -> None:
    """Run both in turn and print the table."""
    print(f"{'':8}{'tokens':>8}{'seconds':>9}{'tokens/s':>10}{'client CPU s':>14}")
    ratios, hit, could = [], 0.0, 0
    for number in range(options.repeats + 1):
        before = metrics(url)
        agent, chains = asyncio.run(run_agent(url, options, number))
        after = metrics(url)
        bare = asyncio.run(run_bare(url, options, chains, number))
        if number == 0:
            print("the first pass warms the server up", flush=True)
            continue
        for name, phase in (("agent", agent), ("bare", bare)):
            print(
                f"{name:8}{phase.tokens:8}{phase.seconds:9.1f}{phase.rate:10.1f}"
                f"{phase.cpu:14.1f}",
                flush=True,
            )
        ratios.append(agent.rate / bare.rate)
        if not all(is_append_only(chain) for chain in chains):
            msg = "a run's prompt did not begin with the one before it"
            raise SystemExit(msg)
        if not after:
            continue
        block = options.block_size or int(after.get("block_size", 16))
        name = "vllm:prefix_cache_hits_total"
        hit += after[name] - before[name] - shared_start(chains, block)
        could += sum(chain.cacheable(block) for chain in chains)
        past = (
            after["vllm:generation_tokens_total"] - before["vllm:generation_tokens_total"]
        )
        print(f"written past the cut: {past - agent.tokens:.0f} tokens, block size {block}")
    print(f"\n{'':42}{'measured':>9}{'aim':>6}")
    said = f"agent / bare, tokens a second (median of {len(ratios)})"
    print(f"{said:42}{statistics.median(ratios):9.3f}{AIM:6.2f}")
    if could:
        said = "prefix-cache hits from the second turn on"
        print(f"{said:42}{hit / could:9.3f}{AIM:6.2f}   of {could} tokens in full blocks")
    else:
        print("prefix-cache hits: the server tells no /metrics")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--url", default="", help="a running vLLM; else one is started")
    parser.add_argument("--name", default=SERVED_NAME, help="served name")
    parser.add_argument("--model", default=None, help="model folder; the packaged one")
    parser.add_argument("--runs", type=int, default=16)
    parser.add_argument("--turns", type=int, default=4)
    parser.add_argument("--words", type=int, default=20, help="of a turn")
    parser.add_argument("--concurrency", type=int, default=16)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument(
        "--block-size", type=int, default=0, help="of the prefix cache; the server's"
    )
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    sizes = ["--block-size", str(options.block_size)] if options.block_size else []
    server = (
        nullcontext(None)
        if options.url
        else ModelServer(
            options.model,
            name=options.name,
            engine="vllm",
            max_length=CONTEXT,
            extra_arguments=sizes,
        )
    )
    with server as started:
        measure(started.url if started else options.url, options)


if __name__ == "__main__":
    main()
