"""What a turn of the graph costs, beside LangChain's agent, with instant model and search.

    python benchmarks/turn_overhead.py
    python benchmarks/turn_overhead.py --repeats 40 --turns 1 5 10 20 40

Both answer one question; the model and the search are objects of this process that
answer at once, so what is left is the graph's own work. Ours keeps no checkpoints and
writes every run's trace to a file; `create_agent` calls one tool a turn, whose result is
the same text. Measured is the process's CPU time, threads included, which does not count
what other programs do; the two are run in turn, and the ratio is the median over pairs.

A turn is the slope: what one more search costs in a run of many. `whole` is a run with
that many searches, start and end included.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import itertools
import os
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping
from typing import Any

from langchain.agents import create_agent
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.tools import StructuredTool

from langgraph_deepsearch import create_deep_search_agent
from langgraph_deepsearch.trace import Document

OURS, BARE, THEIRS = "deep search", "no trace", "create_agent"
LIMIT: RunnableConfig = {"recursion_limit": 10_000}
WARM_UP = 2
"""Rounds left out: the first ones import and fill caches."""

END_RESULT = "<|end_search_result|>"
PAGES = [
    Document(
        title=f"Page {number}",
        text=f"Sentence {number} about the thing and its capital. " * 4,
        url=f"http://pages.example/{number}",
    )
    for number in range(5)
]
EVIDENCE = "\n".join(
    f"({number}) {page.title}: {page.text}" for number, page in enumerate(PAGES, 1)
)

Key = tuple[str, int]
"""An agent's name and its number of searches."""

Job = tuple[Runnable, dict[str, Any]]
"""An agent and its input."""


class InstantModel(BaseChatModel):
    """Searches a number of times, then answers."""

    searches: int

    @property
    def _llm_type(self) -> str:
        return "instant"

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: Any = None,
        **kwargs: Any,
    ) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=self._reply(messages))])

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: Any = None,
        **kwargs: Any,
    ) -> ChatResult:
        return self._generate(messages)

    def _reply(self, messages: list[BaseMessage]) -> AIMessage:
        raise NotImplementedError


class InlineModel(InstantModel):
    """Writes the default dialect's tags."""

    continues_text: bool = True

    def _reply(self, messages: list[BaseMessage]) -> AIMessage:
        text = messages[-1].text if messages[-1].type == "ai" else ""
        done = text.count(END_RESULT)
        if done >= self.searches:
            return AIMessage("I know it now.\n\n\\boxed{Lima}")
        query = f"<|begin_search_query|>thing number {done}<|end_search_query|>"
        return AIMessage(f"I look for it, step {done}. {query}")


class ToolModel(InstantModel):
    """Calls the search tool."""

    def bind_tools(self, tools: Any, **kwargs: Any) -> Runnable:
        return self

    def _reply(self, messages: list[BaseMessage]) -> AIMessage:
        done = sum(message.type == "tool" for message in messages)
        if done >= self.searches:
            return AIMessage("I know it now. Lima")
        call = {
            "name": "search",
            "args": {"query": f"thing number {done}"},
            "id": f"c{done}",
        }
        return AIMessage(f"I look for it, step {done}.", tool_calls=[call])


class InstantSearch:
    """Finds the same pages for every query."""

    name = "instant"
    returns_full_text = True

    @property
    def settings(self) -> Mapping[str, Any]:
        """Nothing changes what it finds."""
        return {}

    def search(self, query: str, k: int, *, episode: Any = None) -> list[Document]:
        return PAGES[:k]

    async def asearch(self, query: str, k: int, *, episode: Any = None) -> list[Document]:
        return PAGES[:k]


def our_agent(searches: int, folder: str | None) -> Runnable:
    """Return the deep-search agent; with a folder it writes its traces there."""
    return create_deep_search_agent(
        InlineModel(searches=searches),
        search=InstantSearch(),
        condenser="none",
        max_searches=searches + 1,
        max_turns=searches + 2,
        trace_dir=folder,
    )


def their_agent(searches: int) -> Runnable:
    """Return LangChain's agent with one tool, which has a sync and an async form."""

    def search(query: str) -> str:  # noqa: ARG001 - the tool's schema
        return EVIDENCE

    async def asearch(query: str) -> str:  # noqa: ARG001 - likewise
        return EVIDENCE

    tool = StructuredTool.from_function(
        search, asearch, name="search", description="Searches."
    )
    return create_agent(ToolModel(searches=searches), [tool])


def jobs_of(turns: list[int], folder: str) -> dict[Key, Job]:
    """Return what to measure: each agent with each number of searches."""
    ours, theirs = {"question": "What is it?"}, {"messages": [("user", "What is it?")]}
    jobs: dict[Key, Job] = {}
    for count in turns:
        jobs[OURS, count] = our_agent(count, folder), ours
        jobs[BARE, count] = our_agent(count, None), ours
        jobs[THEIRS, count] = their_agent(count), theirs
    return jobs


def rounds(jobs: dict[Key, Job], repeats: int) -> Iterator[Key]:
    """Yield whose turn it is, the agents one after another in every round."""
    gc.disable()
    try:
        for _ in range(repeats + WARM_UP):
            gc.collect()
            yield from jobs
    finally:
        gc.enable()


async def ameasure(jobs: dict[Key, Job], repeats: int) -> dict[Key, list[float]]:
    """Return the CPU milliseconds of each `ainvoke`, round by round."""
    taken: dict[Key, list[float]] = {key: [] for key in jobs}
    for key in rounds(jobs, repeats):
        agent, given = jobs[key]
        before = time.process_time()
        await agent.ainvoke(given, LIMIT)
        taken[key].append((time.process_time() - before) * 1e3)
    return {key: values[WARM_UP:] for key, values in taken.items()}


def measure(jobs: dict[Key, Job], repeats: int) -> dict[Key, list[float]]:
    """Return the CPU milliseconds of each `invoke`, round by round."""
    taken: dict[Key, list[float]] = {key: [] for key in jobs}
    for key in rounds(jobs, repeats):
        agent, given = jobs[key]
        before = time.process_time()
        agent.invoke(given, LIMIT)
        taken[key].append((time.process_time() - before) * 1e3)
    return {key: values[WARM_UP:] for key, values in taken.items()}


def slopes(taken: dict[Key, list[float]], name: str, low: int, high: int) -> list[float]:
    """Return what a turn costs in each round, from runs of `low` and `high` searches."""
    pairs = zip(taken[name, low], taken[name, high], strict=True)
    return [(more - less) / (high - low) for less, more in pairs]


def ratio(values: list[float], base: list[float]) -> float:
    """Return the median of the ratios, round by round."""
    return statistics.median(a / b for a, b in zip(values, base, strict=True))


def report(way: str, taken: dict[Key, list[float]], turns: list[int]) -> None:
    """Print the slopes between the numbers of turns, and whole runs."""
    print(f"\n{way}: CPU ms, median (ratio to {THEIRS})")
    # Each step between two numbers of turns, and all of them together.
    steps = list(dict.fromkeys([*itertools.pairwise(turns), (turns[0], turns[-1])]))
    columns = [f"turn {low}-{high}" for low, high in steps]
    columns += [f"whole {count}" for count in turns]
    print(f"{'':14}" + "".join(f"{column:>16}" for column in columns))
    for name in (OURS, BARE, THEIRS):
        cells = []
        for low, high in steps:
            own, base = (slopes(taken, n, low, high) for n in (name, THEIRS))
            cells.append((statistics.median(own), ratio(own, base)))
        for count in turns:
            own, base = taken[name, count], taken[THEIRS, count]
            cells.append((statistics.median(own), ratio(own, base)))
        row = "".join(f"{f'{value:.2f} ({part:.2f})':>16}" for value, part in cells)
        print(f"{name:14}{row}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--turns", type=int, nargs="+", default=[1, 5, 10, 20, 40])
    options = parser.parse_args()
    turns = sorted(set(options.turns))
    if len(turns) < 2 or turns[0] < 1:
        parser.error("--turns needs two different numbers, from 1 up")
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as folder:
        jobs = jobs_of(turns, folder)
        report("ainvoke", asyncio.run(ameasure(jobs, options.repeats)), turns)
        report("invoke", measure(jobs, options.repeats), turns)


if __name__ == "__main__":
    main()
