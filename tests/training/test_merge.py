"""A merged model is of the adapter and the model that are there now."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="training needs torch")
pytest.importorskip("peft", reason="LoRA needs peft")

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from langgraph_deepsearch.training.config import TrainingConfig
from langgraph_deepsearch.training.merge import (
    MERGED_FILE,
    MergeError,
    merge_adapter,
    merge_beside,
)
from langgraph_deepsearch.training.model import lora_settings

WEIGHT = "model.layers.0.self_attn.q_proj.weight"


def write_adapter(model: Path, folder: Path, size: float) -> Path:
    from peft import get_peft_model

    whole = AutoModelForCausalLM.from_pretrained(model)
    adapted = get_peft_model(whole, lora_settings(TrainingConfig(lora_rank=2)))
    for name, weight in adapted.named_parameters():
        if "lora_" in name:
            torch.nn.init.constant_(weight, size)
    adapted.save_pretrained(folder)
    AutoTokenizer.from_pretrained(model).save_pretrained(folder)
    return folder


def weight_of(model: Path) -> torch.Tensor:
    return AutoModelForCausalLM.from_pretrained(model).state_dict()[WEIGHT]


def test_an_adapter_that_was_trained_again_is_merged_again(tiny_model, tmp_path):
    out = tmp_path / "merged"
    adapter = write_adapter(tiny_model, tmp_path / "adapter", 0.1)
    merge_adapter(adapter, tiny_model, out)
    first = weight_of(out)
    assert not first.equal(weight_of(tiny_model))
    written = (out / MERGED_FILE).stat().st_mtime_ns
    merge_adapter(adapter, tiny_model, out)
    assert (out / MERGED_FILE).stat().st_mtime_ns == written  # it is there already

    write_adapter(tiny_model, adapter, 0.3)
    merge_adapter(adapter, tiny_model, out)
    second = weight_of(out)
    assert not second.equal(first)
    assert not list(tmp_path.glob(".*"))


def test_a_merged_model_that_does_not_say_of_what_is_made_again(tiny_model, tmp_path):
    adapter = write_adapter(tiny_model, tmp_path / "adapter", 0.1)
    out = tmp_path / "merged"
    out.mkdir()
    merge_adapter(adapter, tiny_model, out)
    assert set(json.loads((out / MERGED_FILE).read_text())) == {"adapter", "model"}


def test_an_adapter_without_a_tokenizer_is_merged_with_its_models(tiny_model, tmp_path):
    adapter = write_adapter(tiny_model, tmp_path / "adapter", 0.1)
    for file in adapter.glob("tokenizer*"):
        file.unlink()
    merged = merge_beside(adapter, tiny_model)
    assert merged == tmp_path / "adapter-merged"
    assert (merged / "tokenizer.json").is_file()
    written = (merged / MERGED_FILE).stat().st_mtime_ns
    assert merge_beside(adapter, tiny_model) == merged
    assert (merged / MERGED_FILE).stat().st_mtime_ns == written


def test_another_model_beside_an_adapter_is_not_overwritten(tiny_model, tmp_path):
    adapter = write_adapter(tiny_model, tmp_path / "adapter", 0.1)
    (tmp_path / "adapter-merged").mkdir()
    (tmp_path / "adapter-merged" / "mine").touch()
    with pytest.raises(MergeError, match="no merged model of ours: move it"):
        merge_beside(adapter, tiny_model)


def test_experts_are_merged_too(tiny_model, tmp_path):
    from peft import get_peft_model
    from transformers import Qwen3MoeConfig, Qwen3MoeForCausalLM

    sizes = {"hidden_size": 32, "intermediate_size": 32, "vocab_size": 64}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 2, "head_dim": 16}
    experts = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16}
    config = Qwen3MoeConfig(num_hidden_layers=1, **sizes, **heads, **experts)
    model = Qwen3MoeForCausalLM(config).bfloat16().float()  # as it is stored
    model.save_pretrained(tmp_path / "model")
    policy = get_peft_model(model, lora_settings(TrainingConfig(lora_rank=2)))
    for name, weight in policy.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(weight, std=0.2)
    policy.save_pretrained(tmp_path / "adapter")
    assert any(
        "experts" in name for name, _ in policy.named_parameters() if "lora_" in name
    )
    ids = torch.arange(5, 40)[None]
    AutoTokenizer.from_pretrained(tiny_model).save_pretrained(tmp_path / "adapter")
    out = merge_adapter(tmp_path / "adapter", tmp_path / "model", tmp_path / "merged")
    found = AutoModelForCausalLM.from_pretrained(out, dtype=torch.float32)
    with policy.disable_adapter():
        plain = policy(ids).logits
    expected = policy(ids).logits
    gap = (found(ids).logits - expected).abs().mean()
    assert gap < 0.1 * (plain - expected).abs().mean()


def test_an_adapters_steps_below_bfloat16s_grid_are_kept_on_average(tiny_model, tmp_path):
    adapter = write_adapter(tiny_model, tmp_path / "adapter", 0.002)
    merged = AutoModelForCausalLM.from_pretrained(
        merge_beside(adapter, tiny_model), dtype="auto"
    )
    assert merged.dtype == torch.bfloat16
    before = AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float32)
    settings = json.loads((adapter / "adapter_config.json").read_text())
    step = 2 * 0.002**2 * settings["lora_alpha"] / settings["r"]
    names = [name for name, _ in before.named_parameters() if name.endswith("_proj.weight")]
    states = before.state_dict(), merged.state_dict()
    old, new = (torch.cat([s[n].double().flatten() for n in names]) for s in states)
    assert (old + step).bfloat16().double().sub(old).mean() < 0.8 * step
    assert (new - old).mean().item() == pytest.approx(step, rel=0.1)
