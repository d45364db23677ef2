"""Where a server finds the weights: folders, the bases of adapters, the Hub."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from langgraph_deepsearch.training import hub, model_source
from langgraph_deepsearch.training.fingerprint import model_fingerprint
from langgraph_deepsearch.training.model_source import ModelSourceError, find_weights


@pytest.fixture(autouse=True)
def _no_hub(monkeypatch):
    monkeypatch.setattr(model_source, "cached_snapshot", lambda _: None)
    monkeypatch.setattr(model_source, "why_not_fetched", lambda _: "the Hub is far")


def write_model(folder: Path, config: str = "{}") -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(config)
    (folder / "model.safetensors").touch()
    return folder


def write_adapter(folder: Path, base: str | Path, parent: str = "") -> Path:
    folder.mkdir(parents=True)
    settings = {"base_model_name_or_path": str(base), "r": 2}
    (folder / "adapter_config.json").write_text(json.dumps(settings))
    (folder / "adapter_model.safetensors").touch()
    if parent:
        values = {"model": "x", "parent": parent, "data_sha256": "", "tokens": 1}
        values |= {"trained_tokens": 1, "seconds": 1.0, "losses": [], "skipped": []}
        (folder / "training.json").write_text(json.dumps(values))
    return folder


@pytest.mark.parametrize("engine", ["vllm", "transformers"])
def test_an_adapters_base_is_where_its_file_says(tmp_path, engine):
    base = write_model(tmp_path / "base")
    adapter = write_adapter(tmp_path / "run" / "adapter", base)
    assert find_weights(str(adapter), engine) == str(base)


def test_a_base_that_moved_with_its_adapter_is_known_by_its_fingerprint(tmp_path):
    base = write_model(tmp_path / "moved" / "base", "[1]")
    parent = f"base@{model_fingerprint(base)}"
    adapter = write_adapter(tmp_path / "moved" / "adapter", "/gone/base", parent)
    assert find_weights(str(adapter), "transformers") == str(base)
    (base / "config.json").write_text("[2]")
    with pytest.raises(ModelSourceError, match="base model /gone/base of the adapter"):
        find_weights(str(adapter), "transformers")
    with pytest.raises(ModelSourceError, match="put it back, or correct base_model_name"):
        find_weights(str(adapter), "vllm")


def test_a_base_on_the_hub_is_fetched_by_vllm_or_taken_from_the_cache(
    tmp_path, monkeypatch
):
    adapter = str(write_adapter(tmp_path / "adapter", "org/base"))
    for engine in ("vllm", "transformers"):
        with pytest.raises(ModelSourceError, match="base model org/base"):
            find_weights(adapter, engine)
    monkeypatch.setattr(model_source, "why_not_fetched", lambda _: "")
    assert find_weights(adapter, "vllm") == "org/base"
    monkeypatch.setattr(model_source, "cached_snapshot", lambda _: tmp_path / "cached")
    assert find_weights(adapter, "transformers") == str(tmp_path / "cached")


def test_vllm_loads_weights_in_other_forms(tmp_path):
    base = tmp_path / "base"
    base.mkdir()
    (base / "pytorch_model.bin").touch()
    adapter = str(write_adapter(tmp_path / "adapter", base))
    assert find_weights(adapter, "vllm") == str(base)
    with pytest.raises(ModelSourceError, match="put it back"):
        find_weights(adapter, "transformers")


def test_a_base_that_was_trained_further_is_told(tmp_path):
    base = write_model(tmp_path / "base", "[1]")
    parent = f"base@{model_fingerprint(base)}"
    adapter = str(write_adapter(tmp_path / "adapter", base, parent))
    assert find_weights(adapter, "vllm") == str(base)
    (base / "config.json").write_text("[2]")
    with pytest.warns(RuntimeWarning, match="no longer, the model that"):
        assert find_weights(adapter, "vllm") == str(base)


def test_what_the_hub_does_not_know_may_lie_elsewhere(monkeypatch):
    assert find_weights("org/model", "vllm", asks_hub=False) == "org/model"
    monkeypatch.setattr(model_source, "why_not_fetched", lambda name: ":" * (":" in name))
    assert find_weights("org/model:Q4_K_M", "vllm") == "org/model:Q4_K_M"


def test_addresses_are_left_to_vllm():
    assert find_weights("s3://bucket/model", "vllm") == "s3://bucket/model"


def test_a_model_that_was_downloaded_needs_no_hub(tmp_path, monkeypatch):
    api = pytest.importorskip("huggingface_hub", reason="the Hub's cache is its own")
    folder = tmp_path / "models--org--base"
    (folder / "snapshots" / "abc").mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("abc")
    monkeypatch.setattr(
        "huggingface_hub._snapshot_download.constants.HF_HUB_CACHE", tmp_path
    )
    assert hub.cached_snapshot("org/base") == folder / "snapshots" / "abc"
    assert hub.why_not_fetched("org/base") == ""
    assert hub.cached_snapshot("org/other") is None
    assert hub.cached_snapshot("/no/name") is None

    def far(*_, **__):
        msg = "no route"
        raise OSError(msg)

    monkeypatch.setattr(api.HfApi, "model_info", far)
    assert "cannot be asked for it (no route)" in hub.why_not_fetched("org/other")
    monkeypatch.setattr(api.HfApi, "model_info", lambda *_, **__: None)
    assert hub.why_not_fetched("org/other") == ""
