"""A whole model replaced behind its name; each run ends on the model it began with."""

from __future__ import annotations

import asyncio
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import httpx
import pytest

pytest.importorskip("torch", reason="training needs torch")

import torch
from tiny_server import TinyServer
from transformers import AutoModelForCausalLM, AutoTokenizer

from langgraph_deepsearch.graph.deep_search import create_deep_search_agent
from langgraph_deepsearch.nodes.models.resolve import forget_reasoners
from langgraph_deepsearch.trace import Document
from langgraph_deepsearch.training.fingerprint import model_fingerprint
from langgraph_deepsearch.training.live_model import LiveModel, LiveModelError
from langgraph_deepsearch.training.registry import ModelRegistry
from langgraph_deepsearch.training.reload import ReloadError
from langgraph_deepsearch.training.result import RESULT_FILE, TrainingResult
from langgraph_deepsearch.training.serve import ServerError

QUESTION = {"question": "The capital of Peru?"}
SEARCH = "Look. <|begin_search_query|>capital<|end_search_query|>"


class Library:
    name = "library"
    returns_full_text = True
    settings = {}

    def search(self, query, k, *, episode=None):
        return [Document(title="Peru", text="A country.", url="http://x/1")]

    async def asearch(self, query, k, *, episode=None):
        return self.search(query, k)


class Servers:
    """Makes servers whose models say the name of their folder, after one search."""

    def __init__(self, tiny_model):
        self.tiny_model = tiny_model
        self.running = []
        self.on_search = {}

    def __call__(self, model, *, name, port):
        def reply(prompt):
            if "A country." in prompt:
                return f"\\boxed{{{model.name}}}"
            self.on_search.pop(model.name, lambda: None)()
            return SEARCH

        served = SimpleNamespace(port=port, url="")

        def start():
            if model.name == "broken":
                msg = "the server ended before it was ready"
                raise ServerError(msg)
            served.http = TinyServer(self.tiny_model, reply, port=port)
            served.http.base = name
            served.url = served.http.url
            served.port = served.http.http.server_port
            self.running.append(model.name)
            return served

        def stop():
            served.http.close()
            self.running.remove(model.name)

        served.start, served.stop = start, stop
        return served


@pytest.fixture
def servers(tiny_model):
    yield Servers(tiny_model)
    forget_reasoners()


@pytest.fixture
def agent():
    return create_deep_search_agent(search=Library(), condenser="none")


async def answer(agent, live):
    async with live.arun() as where:
        assert where["model"] == "desk"
        return (await agent.ainvoke(QUESTION, context=where))["answer"]


async def test_a_run_under_way_keeps_its_model_while_the_next_has_the_new_one(
    servers, agent
):
    with LiveModel("desk", make_server=servers) as live:
        live.replace("first")
        servers.on_search["first"] = lambda: live.replace("second")
        assert await answer(agent, live) == "first"
        assert servers.running == ["second"]  # the first ended with its last run
        assert await answer(agent, live) == "second"
    assert servers.running == []


async def test_without_room_for_two_runs_wait_for_the_restart(servers, agent):
    with LiveModel("desk", beside=False, make_server=servers) as live:
        live.replace("first")
        replacing = threading.Thread(target=live.replace, args=("second",))
        servers.on_search["first"] = replacing.start
        with live.run() as where:
            url = where["base_url"]
        under_way, waiting = await asyncio.gather(answer(agent, live), later(agent, live))
        replacing.join()
        assert (under_way, waiting) == ("first", "second")
        with live.run() as where:
            assert where["base_url"] == url
        assert servers.running == ["second"]


async def until_restarting(live):
    while live._restarted.done():  # noqa: ASYNC110 - a thread sets it
        await asyncio.sleep(0.01)


async def later(agent, live):
    await until_restarting(live)
    return await answer(agent, live)


def instant(model, *, name, port):
    served = SimpleNamespace(url=f"http://{model.name}", port=1, stop=lambda: None)
    served.start = lambda: served
    return served


async def test_waiting_runs_take_no_thread_from_those_under_way():
    async def url():
        async with live.arun() as where:
            return where["base_url"]

    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
    with LiveModel("desk", beside=False, make_server=instant) as live:
        live.replace("first")
        replacing = threading.Thread(target=live.replace, args=("second",), daemon=True)
        async with asyncio.timeout(30):
            async with live.arun():
                replacing.start()
                await until_restarting(live)
                cancelled, *waiting = [asyncio.create_task(url()) for _ in range(4)]
                await asyncio.sleep(0.01)
                cancelled.cancel()
                await asyncio.to_thread(str)  # as a step of the run under way does
            assert await asyncio.gather(*waiting) == ["http://second"] * 3
        replacing.join()


@pytest.mark.parametrize("beside", [True, False])
async def test_a_model_that_does_not_start_leaves_the_earlier_one(servers, agent, beside):
    with LiveModel("desk", beside=beside, make_server=servers) as live:
        with pytest.raises(LiveModelError, match="no model is served as 'desk'"):
            await answer(agent, live)
        live.replace("first")
        with pytest.raises(ServerError, match="ended before"):
            live.replace("broken")
        assert await answer(agent, live) == "first"


@pytest.fixture
def adapter(tiny_model, tmp_path):
    """Make an adapter of the tiny model, trained on it as `training.json` says."""
    peft = pytest.importorskip("peft", reason="LoRA needs peft")

    def make(name, parent=None):
        base = AutoModelForCausalLM.from_pretrained(tiny_model)
        config = peft.LoraConfig(r=2, target_modules=["q_proj"])
        peft.get_peft_model(base, config).save_pretrained(tmp_path / name)
        told = TrainingResult(
            model=tmp_path / name,
            parent=parent or f"tiny@{model_fingerprint(tiny_model)}",
            data_sha256="",
            tokens=0,
            trained_tokens=0,
            seconds=0.0,
            losses=[],
            skipped=[],
        )
        (tmp_path / name / RESULT_FILE).write_text(json.dumps(told.to_json()))
        return tmp_path / name

    return make


async def ask(agent, live):
    async with live.arun() as where:
        await agent.ainvoke(QUESTION, context=where)
        return where["model"]


async def test_the_next_run_uses_the_adapter_that_was_registered_meanwhile(
    tiny_model, tmp_path, agent, adapter
):
    registry = ModelRegistry(tmp_path)
    meanwhile = [lambda: registry.add("desk", adapter("second"))]

    def reply(prompt):
        if "A country." in prompt:
            return "\\boxed{Lima}"
        if server.adapters and meanwhile:
            meanwhile.pop()()
        return SEARCH

    with (
        TinyServer(tiny_model, reply) as server,
        LiveModel("tiny", registry=tmp_path, base_url=server.url) as live,
    ):
        assert await ask(agent, live) == "tiny"  # nothing was trained yet
        registry.add("desk", adapter("first"))
        assert await ask(agent, live) == "desk@1"
        assert server.asked == ["tiny"] * 2 + ["desk@1"] * 2
        assert [m.key for m in registry.models()] == ["desk@1", "desk@2"]
        assert await ask(agent, live) == "desk@2"
        registry.use("desk@1")
        with live.run() as where:
            assert where == {"model": "desk@1", "base_url": server.url}
        assert [name for _, name in server.events] == ["desk@1", "desk@2"]
        with pytest.raises(LiveModelError, match="restart it there"):
            live.replace("second")
    forget_reasoners()


async def test_a_current_model_that_cannot_be_loaded_is_one_line_and_no_run(
    tiny_model, tmp_path, agent, adapter
):
    registry = ModelRegistry(tmp_path)
    registry.add("desk", adapter("other", parent="other@0123456789abcdef"))
    with TinyServer(tiny_model, lambda _: "") as server:
        live = LiveModel("tiny", registry=tmp_path, base_url=server.url)
        with pytest.raises(ReloadError, match="which is not other, the model that desk@1"):
            await ask(agent, live)
        registry.add("whole", tiny_model)  # behind the server's own name
        with live.run() as where:
            assert where["model"] == "tiny"
    assert live._now.runs == 0
    forget_reasoners()


@pytest.mark.slow
def test_transformers_server_is_restarted_behind_the_same_name(tiny_model, tmp_path):
    torch.manual_seed(1)
    other = AutoModelForCausalLM.from_pretrained(tiny_model)
    for weight in other.parameters():
        weight.data.normal_(std=0.2)
    other.save_pretrained(tmp_path / "other")
    AutoTokenizer.from_pretrained(tiny_model).save_pretrained(tmp_path / "other")

    def said(where):
        body = {"model": where["model"], "prompt": "Lima is", "max_tokens": 8}
        url = f"{where['base_url']}/completions"
        reply = httpx.post(url, json={**body, "temperature": 0.0}, timeout=120)
        return reply.json()["choices"][0]["text"]

    with LiveModel("desk", beside=False, engine="transformers") as live:
        live.replace(tiny_model)
        with live.run() as where:
            first, url = said(where), where["base_url"]
        live.replace(tmp_path / "other")
        with live.run() as where:
            assert where["base_url"] == url
            assert said(where) != first
        live.replace(tiny_model)
        with live.run() as where:
            assert said(where) == first
