"""The throughput benchmark's two passes, over the fake server."""

from __future__ import annotations

import importlib
from argparse import Namespace
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def bench(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("vllm_agent_throughput")


@pytest.fixture
def options():
    return Namespace(name="fake-model", runs=5, turns=3, words=6, concurrency=2)


def words(prompt: str) -> str:
    return " ".join(f"w{n}" for n in range(len(prompt) % 7, 30))


async def test_the_bare_client_sends_the_agents_prompts_and_gets_as_many_tokens(
    bench, options, fake_server
):
    fake_server.script(words)
    agent, chains = await bench.run_agent(fake_server.base_url, options, 0)
    asked = [r["ids"] for r in fake_server.generations()]
    assert len(chains) == 5
    assert all(len(chain.prompts) == 3 for chain in chains)
    assert sorted(asked) == sorted(p for chain in chains for p in chain.prompts)
    fake_server.requests.clear()
    fake_server.script(lambda prompt: "token " * 500)
    bare = await bench.run_bare(fake_server.base_url, options, chains, 0)
    assert sorted(r["ids"] for r in fake_server.generations()) == sorted(asked)
    assert bare.tokens == agent.tokens == sum(sum(chain.written) for chain in chains)


async def test_a_runs_prompts_only_grow_at_their_end(bench, options, fake_server):
    fake_server.script(words)
    _, chains = await bench.run_agent(fake_server.base_url, options, 0)
    for chain in chains:
        assert bench.is_append_only(chain)
        for earlier, written, later in zip(
            chain.prompts, chain.written, chain.prompts[1:], strict=False
        ):
            assert len(later) > len(earlier) + written


def test_blocks_that_can_be_found_are_those_an_earlier_call_filled(bench):
    chain = bench.Chain([[0] * 20, [0] * 40], [13, 5])
    assert chain.cacheable(16) == 32  # 20 + 13 - 1 known: two blocks
    assert bench.Chain([[0] * 20, [0] * 40], [12, 5]).cacheable(16) == 16
    assert bench.Chain([[0] * 20], [12]).cacheable(16) == 0
    chains = [bench.Chain([[1, 2, 3, 4]]), bench.Chain([[1, 2, 3, 5]])]
    assert bench.shared_start(chains, 2) == 4


def test_metrics_are_summed_and_tell_the_block_size(bench, monkeypatch):
    text = (
        "# HELP x\n"
        'vllm:prefix_cache_hits_total{engine="0"} 3.0\n'
        'vllm:prefix_cache_hits_total{engine="1"} 4.0\n'
        'vllm:cache_config_info{block_size="128",gpu="x"} 1.0\n'
    )
    answer = Namespace(is_error=False, text=text)
    monkeypatch.setattr(bench.httpx, "get", lambda url: answer)
    found = bench.metrics("http://h/v1")
    assert found["vllm:prefix_cache_hits_total"] == 7
    assert found["block_size"] == 128
