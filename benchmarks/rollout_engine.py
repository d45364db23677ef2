"""How near the rollout engine comes to the lower bound, beside a lockstep scheduler.

    python benchmarks/rollout_engine.py                    # 64 questions, two workloads
    python benchmarks/rollout_engine.py --clock wall --scale 0.5
    python benchmarks/rollout_engine.py --capacity 16      # a model too small for them all

All questions run through services simulated over HTTP in this process: a reasoning model
and a summarizer with continuous batching, a search engine and pages with long tails. The
bound is the longest chain (a question's steps one after another, alone) or the busier
model's whole work at full throughput, whichever is longer; no scheduler can beat it.
`reference` is the lockstep scheduler with SimpleDeepSearcher's phases, `engine` the real
`RolloutEngine` over the real graph. Both get the same work from the same parts. By
default time is `idle_clock.py`'s, so a busy machine does not change the figures; the
simulator's own work counts against the schedulers.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import idle_clock
from langgraph.graph.state import CompiledStateGraph
from lockstep import Lockstep
from service_simulator import REASONER, SUMMARIZER, ServiceSimulator
from workload import PAGES, Workload

from langgraph_deepsearch import create_deep_search_agent
from langgraph_deepsearch.graph.rollout import RolloutEngine
from langgraph_deepsearch.nodes.models.base import Reasoner
from langgraph_deepsearch.nodes.models.resolve import resolve_reasoner
from langgraph_deepsearch.questions import Question
from langgraph_deepsearch.tools.reader import HttpReader
from langgraph_deepsearch.tools.searxng import SearxngSearch
from langgraph_deepsearch.trace import read_traces

Scheduler = Callable[[ServiceSimulator, Path], Awaitable[float]]


def questions_of(workload: Workload) -> list[Question]:
    """Return the questions; each names itself, which the services go by."""
    return [
        Question(f"q{number}", f"[q{number}] What is its last fact?", ("done",))
        for number in range(len(workload.searches))
    ]


async def run_lockstep(simulator: ServiceSimulator, folder: Path) -> float:
    """Return the seconds of the reference's phases."""
    clock = asyncio.get_running_loop().time
    reasoner, summarizer = await asyncio.to_thread(_models, simulator)
    lockstep = Lockstep(
        reasoner, summarizer, _search(simulator), _reader(simulator), folder, top_k=PAGES
    )
    started = clock()
    done = await lockstep.arun(questions_of(simulator.workload))
    seconds = clock() - started
    _check([one.searches for one in done], simulator.workload)
    return seconds


async def run_engine(simulator: ServiceSimulator, folder: Path) -> float:
    """Return the seconds of the rollout engine."""
    clock = asyncio.get_running_loop().time
    questions = questions_of(simulator.workload)
    await asyncio.to_thread(_models, simulator)
    engine = RolloutEngine(agent_over(simulator), folder, concurrency=len(questions))
    started = clock()
    await engine.arun(questions)
    seconds = clock() - started
    traces = {trace.question_id: trace for trace in read_traces(folder)}
    _check(
        [traces[question.id].usage.searches for question in questions], simulator.workload
    )
    return seconds


def agent_over(simulator: ServiceSimulator) -> CompiledStateGraph:
    """Return the real agent over the simulated services."""
    return create_deep_search_agent(
        REASONER,
        base_url=simulator.url,
        summarizer_model=SUMMARIZER,
        summarizer_url=simulator.url,
        condenser="reason_in_documents",
        search=_search(simulator),
        reader=_reader(simulator),
        top_k=PAGES,
    )


def _models(simulator: ServiceSimulator) -> tuple[Reasoner, Reasoner]:
    # Both schedulers find the servers asked already: that is no part of a schedule.
    names = (REASONER, SUMMARIZER)
    first, second = (resolve_reasoner(name, base_url=simulator.url) for name in names)
    return first, second


def _search(simulator: ServiceSimulator) -> SearxngSearch:
    return SearxngSearch(simulator.root, timeout=600)


def _reader(simulator: ServiceSimulator) -> HttpReader:
    host = simulator.root.removeprefix("http://")
    return HttpReader(allow_private=host, timeout=600)


def _check(searches: list[int], workload: Workload) -> None:
    if searches != workload.searches:
        msg = f"other searches were made than the work asks for: {searches}"
        raise SystemExit(msg)


async def simulate(workload: Workload, run: Scheduler) -> tuple[float, float]:
    """Return the seconds a scheduler took, and the CPU seconds."""
    before = time.process_time()
    async with ServiceSimulator(workload) as simulator:
        with tempfile.TemporaryDirectory() as folder:
            seconds = await run(simulator, Path(folder))
    return seconds, time.process_time() - before


def report(name: str, workload: Workload, options: argparse.Namespace) -> None:
    """Run one workload and print its rows."""
    bound, chain = workload.bound(), workload.longest_chain()
    service = workload.service_seconds()
    print(f"\n{name}: longest chain {chain:.1f} s, busier model alone {service:.1f} s")
    print(f"{'scheduler':12}{'seconds':>9}{'x bound':>9}{'x chain':>9}{'CPU s':>8}")
    print(f"{'bound':12}{bound:9.1f}{1:9.2f}{bound / chain:9.2f}")
    for scheduler, run in (("engine", run_engine), ("reference", run_lockstep)):
        if scheduler == "reference" and options.no_reference:
            continue
        repeats = options.repeats if scheduler == "engine" else 1
        skips = options.clock == "idle"
        taken = [
            idle_clock.run(simulate(workload, run), skips_idle=skips)
            for _ in range(repeats)
        ]
        seconds, cpu = (statistics.median(column) for column in zip(*taken, strict=True))
        row = f"{seconds:9.1f}{seconds / bound:9.2f}{seconds / chain:9.2f}{cpu:8.1f}"
        print(f"{scheduler:12}{row}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--scale", type=float, default=1.0, help="of all times")
    parser.add_argument(
        "--clock",
        choices=["idle", "wall"],
        default="idle",
        help="idle: waiting is skipped and work counts as CPU time; wall: real time",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--capacity", type=int, default=64, help="sequences at full speed")
    parser.add_argument("--repeats", type=int, default=1, help="runs of the engine")
    parser.add_argument("--no-reference", action="store_true")
    parser.add_argument("--only", choices=["fixed", "tails"])
    options = parser.parse_args()
    load = os.getloadavg()[0]
    print(f"times x {options.scale:g}, {os.cpu_count()} cores, load {load:.1f}")
    for name, has_tails in (("fixed", False), ("tails", True)):
        if options.only not in (None, name):
            continue
        workload = Workload(
            options.seed, options.scale, has_tails=has_tails, capacity=options.capacity
        )
        report(name, workload, options)


if __name__ == "__main__":
    main()
