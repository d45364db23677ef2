from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="training needs torch")
pytest.importorskip("peft", reason="LoRA needs peft")

import torch
from peft import get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer

from langgraph_deepsearch.training.merge import merge_adapter
from langgraph_deepsearch.training.model import lora_settings
from langgraph_deepsearch.training.policy_weights import (
    dither_model,
    dithered,
    save_policy,
    whole_weights,
)
from langgraph_deepsearch.training.result import TrainingError
from langgraph_deepsearch.training.rl_config import RlConfig


@pytest.fixture
def policy(tiny_model):
    """The tiny model under an adapter that changes it."""
    model = AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float32)
    model = get_peft_model(model, lora_settings(RlConfig(lora_rank=4, lora_alpha=12)))
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                weight += 0.1 * torch.randn(weight.shape, generator=generator)
    return model


def test_an_adapter_is_added_as_peft_adds_it(policy):
    found = dict(whole_weights(policy.state_dict(), scaling=12 / 4))
    merged = policy.merge_and_unload().state_dict()
    assert set(found) == set(merged)
    for name, weight in merged.items():
        torch.testing.assert_close(found[name], weight, atol=1e-6, rtol=1e-5)


def test_a_model_without_an_adapter_is_its_own(tiny_model):
    state = AutoModelForCausalLM.from_pretrained(tiny_model).state_dict()
    found = dict(whole_weights(state))
    assert found.keys() == state.keys()
    assert all(found[name] is state[name] for name in state)


def test_experts_under_an_adapter_are_refused_and_whole_ones_keep_their_stored_names(
    tmp_path,
):
    from safetensors import safe_open
    from transformers import Qwen3MoeConfig, Qwen3MoeForCausalLM

    sizes = {"vocab_size": 64, "hidden_size": 32, "intermediate_size": 32}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 16}
    experts = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16}
    model = Qwen3MoeForCausalLM(
        Qwen3MoeConfig(num_hidden_layers=1, **sizes, **heads, **experts)
    )
    model.save_pretrained(tmp_path / "usual")
    save_policy(tmp_path / "policy", model.state_dict(), model, seed=0)
    stored = []
    for folder in ("usual", "policy"):
        with safe_open(tmp_path / folder / "model.safetensors", "pt") as file:
            stored.append(set(file.keys()))
    assert stored[0] == stored[1]
    assert any("experts.3." in name for name in stored[1])
    policy = get_peft_model(model, lora_settings(RlConfig(lora_rank=4)))
    with pytest.raises(TrainingError, match=r"experts.* is no linear layer"):
        save_policy(tmp_path / "adapted", policy.state_dict(), policy, seed=0)


def test_what_was_saved_answers_as_the_policy_does(policy, tiny_model, tmp_path):
    save_policy(tmp_path / "1", policy.state_dict(), policy, seed=1)
    policy.save_pretrained(tmp_path / "adapter")
    AutoTokenizer.from_pretrained(tiny_model).save_pretrained(tmp_path / "adapter")
    merge_adapter(tmp_path / "adapter", tiny_model, tmp_path / "2")
    ids = torch.arange(5, 60)[None]
    expected = policy(ids).logits
    plain = AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float32)(
        ids
    ).logits
    for folder in ("1", "2"):
        read = AutoModelForCausalLM.from_pretrained(tmp_path / folder, dtype=torch.float32)
        gap = (read(ids).logits - expected).abs().mean()
        assert gap < 0.05 * (plain - expected).abs().mean()
        stored = AutoModelForCausalLM.from_pretrained(tmp_path / folder, dtype="auto")
        assert stored.dtype == torch.bfloat16


def test_a_step_below_bfloat16s_grid_is_kept_on_average():
    weight = torch.full((200_000,), 0.5)
    moved = weight + 1e-4  # neighbours on the grid are 0.0039 apart
    assert torch.equal(moved.bfloat16().float(), weight)
    found = dithered(moved, torch.Generator().manual_seed(0))
    assert found.dtype == torch.bfloat16
    assert (found.double().mean() - 0.5).item() == pytest.approx(1e-4, rel=0.1)
    assert set(found.unique().tolist()) == {0.5, 0.50390625}
    down = dithered(-moved, torch.Generator().manual_seed(0))
    assert torch.equal(down, -found)


def test_a_model_is_stored_with_its_small_steps(tiny_model):
    model = AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float32)
    before = model.lm_head.weight.detach().clone()
    with torch.no_grad():
        model.lm_head.weight += 2e-6
    nearest = (model.lm_head.weight.bfloat16().float() - before).mean()
    dither_model(model)
    assert model.dtype == torch.bfloat16
    kept = (model.lm_head.weight.float() - before).mean()
    assert kept.item() == pytest.approx(2e-6, rel=0.2)
    assert abs(nearest.item() - 2e-6) > 1e-6


def test_a_weight_on_the_grid_stays_where_it_is():
    weight = torch.randn(10_000).bfloat16()
    assert torch.equal(dithered(weight.float(), torch.Generator().manual_seed(0)), weight)
    assert dithered(weight, torch.Generator()) is weight
