"""From the registry into a running server and back; runs under way keep their model."""

from __future__ import annotations

import pytest

from langgraph_deepsearch.graph.deep_search import create_deep_search_agent
from langgraph_deepsearch.trace import Document
from langgraph_deepsearch.training.registry import ModelRegistry, RegistryError
from langgraph_deepsearch.training.reload import ReloadError, load_registered

SEARCH = "Look. <|begin_search_query|>capital<|end_search_query|>"


class Library:
    name = "library"
    returns_full_text = True
    settings = {}

    def search(self, query, k, *, episode=None):
        return [Document(title="Peru", text="Lima is the capital.", url="http://x/1")]

    async def asearch(self, query, k, *, episode=None):
        return self.search(query, k)


def adapter(path):
    path.mkdir()
    (path / "adapter_config.json").write_text("{}")
    (path / "adapter_model.safetensors").write_text("")
    return path


@pytest.fixture
def registry(tmp_path):
    registry = ModelRegistry(tmp_path)
    for number in (1, 2):
        path = adapter(tmp_path / f"v{number}")
        registry.add("desk", path, training={"data_sha256": str(number)})
    return registry


@pytest.fixture
def loading(monkeypatch, fake_server):
    """The fake server with vLLM's adapter routes: a loaded name is one more model."""
    from langgraph_deepsearch.training import reload

    loaded = []

    def post(url, route, body):
        assert (url, route) == (fake_server.base_url, "load_lora_adapter")
        loaded.append(body["lora_name"])
        fake_server.models.append(body["lora_name"])

    monkeypatch.setattr(reload, "_post", post)
    return loaded


def test_the_current_version_is_loaded_under_its_own_name(registry, fake_server, loading):
    url = fake_server.base_url
    assert load_registered(registry, url) == "desk@2"
    registry.use("desk@1")
    assert load_registered(registry, url) == "desk@1"
    assert load_registered(registry, url) == "desk@1"
    assert load_registered(registry, url, "desk@2") == "desk@2"
    assert loading == ["desk@2", "desk@1"]  # what is there is not loaded again


def test_a_version_whose_files_were_replaced_is_not_loaded(
    registry, fake_server, loading, tmp_path
):
    (tmp_path / "v2" / "adapter_model.safetensors").write_text("other")
    with pytest.raises(RegistryError, match=r"another model lies in .*, where desk@2 was"):
        load_registered(registry, fake_server.base_url)
    assert loading == []


def test_a_whole_model_says_how_it_is_served(tmp_path, fake_server):
    path = tmp_path / "whole"
    path.mkdir()
    (path / "config.json").write_text("{}")
    (path / "model.safetensors").write_text("")
    registry = ModelRegistry(tmp_path)
    with pytest.raises(RegistryError, match="no model is current"):
        load_registered(registry, fake_server.base_url)
    registry.add("desk", path)
    with pytest.raises(ReloadError, match="is a whole model"):
        load_registered(registry, fake_server.base_url)


async def test_a_run_under_way_ends_on_the_model_it_began_with(
    registry, fake_server, loading
):
    registry.use("desk@1")
    url = fake_server.base_url
    first = load_registered(registry, url)

    def reply(prompt):
        if "Lima is" in prompt:
            return "\\boxed{Lima}"
        # While the run is at its first turn, another version takes over.
        registry.use("desk@2")
        load_registered(registry, url)
        return SEARCH

    fake_server.script(reply, model="desk@1")
    fake_server.script(lambda _: "\\boxed{Lima}", model="desk@2")
    agent = create_deep_search_agent(base_url=url, search=Library(), condenser="none")
    question = {"question": "The capital of Peru?"}
    result = await agent.ainvoke(question, context={"model": first})
    assert result["answer"] == "Lima"
    assert [r["body"]["model"] for r in fake_server.generations()] == ["desk@1"] * 2
    now = registry.current()
    assert now is not None
    await agent.ainvoke(question, context={"model": now.key})
    assert fake_server.generations()[-1]["body"]["model"] == "desk@2"
