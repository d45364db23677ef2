"""The rollout benchmark: the same work for every scheduler, and time that is its own."""

from __future__ import annotations

import asyncio
import importlib
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("uvicorn", reason="the service simulator runs on uvicorn")
pytest.importorskip("starlette", reason="the service simulator is a starlette app")

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(autouse=True)
def on_path(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    yield
    for name in (
        "rollout_engine",
        "service_simulator",
        "lockstep",
        "workload",
        "idle_clock",
    ):
        sys.modules.pop(name, None)


@pytest.fixture
def small(monkeypatch):
    """A workload of four questions of one or two searches."""
    workload = importlib.import_module("workload")
    monkeypatch.setattr(workload, "SEARCHES", {1: 3, 2: 1})
    return workload.Workload(seed=1, scale=0.1)


def test_both_schedulers_do_all_the_work_and_neither_beats_the_bound(small, tmp_path):
    bench = importlib.import_module("rollout_engine")
    clock = importlib.import_module("idle_clock")
    for run in (bench.run_engine, bench.run_lockstep):
        seconds, _ = clock.run(bench.simulate(small, run))  # it checks the searches
        assert seconds >= small.bound()


def test_work_is_drawn_by_name_not_by_order(small):
    workload = importlib.import_module("workload")
    other = workload.Workload(seed=1, scale=0.1)
    there = [(q, s) for q in range(4) for s in range(3)]
    forward = [small.search_seconds(*place) for place in there]
    backward = [other.search_seconds(*place) for place in reversed(there)]
    assert forward == backward[::-1]
    assert len(set(forward)) == len(forward)
    assert workload.Workload(seed=2).search_seconds(0, 0) != forward[0]


def test_the_bound_is_the_longest_chain_or_the_models_work(small):
    workload = importlib.import_module("workload")
    assert small.bound() == max(small.chain_seconds(q) for q in range(4))
    narrow = workload.Workload(seed=1, scale=0.1, capacity=1)
    assert narrow.bound() == narrow.service_seconds() > narrow.longest_chain()


def test_a_full_model_shares_its_throughput():
    clock = importlib.import_module("idle_clock")
    simulator = importlib.import_module("service_simulator")

    async def finish(model, tokens):
        async for _ in model.tokens(tokens):
            pass
        return asyncio.get_running_loop().time()

    async def times():
        model = simulator.BatchingModel(rate=10.0, capacity=2)
        start = asyncio.get_running_loop().time()
        ends = await asyncio.gather(*(finish(model, 20) for _ in range(4)))
        return [end - start for end in ends], model.peak

    taken, peak = clock.run(times())
    assert peak == 4
    # 80 tokens at 20 a second, whoever asks; alone each would take two seconds.
    assert taken == pytest.approx([4.0] * 4, abs=0.3)


def test_the_idle_clock_skips_waiting_and_counts_work():
    clock = importlib.import_module("idle_clock")

    async def day():
        loop = asyncio.get_running_loop()
        start = loop.time()
        order = []

        async def after(hours):
            await asyncio.sleep(hours * 3600)
            order.append(hours)

        await asyncio.gather(after(24), after(1), asyncio.to_thread(order.append, "thread"))
        return loop.time() - start, order

    started = time.monotonic()
    seconds, order = clock.run(day())
    assert 24 * 3600 <= seconds < 24 * 3600 + 60
    assert order == ["thread", 1, 24]
    assert time.monotonic() - started < 60
