"""A policy's weights as a server loads them: an adapter added in, in bfloat16."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from pathlib import Path
from typing import Any

import torch
from transformers.utils import SAFE_WEIGHTS_NAME

from .packed_forward import causal_model

BASE = ".base_layer.weight"
"""What PEFT calls a weight that an adapter adds to ends with."""

PREFIX = "base_model.model."
"""What PEFT puts before the names of a model under an adapter."""


def whole_weights(
    state: Mapping[str, torch.Tensor], scaling: float = 1.0
) -> dict[str, torch.Tensor]:
    """Return a policy's weights by the names its model has them under.

    Args:
        state: of the model, or of the model under its adapter.
        scaling: of the adapter, alpha by rank.
    """
    found: dict[str, torch.Tensor] = {}
    for name, weight in state.items():
        plain = name.removeprefix(PREFIX)
        if ".lora_" in plain:
            continue
        if plain.endswith(BASE):
            layer, own = name.removesuffix(BASE), plain.removesuffix(BASE)
            up, down = (state[f"{layer}.lora_{x}.default.weight"] for x in "BA")
            whole = weight.float() + scaling * (up.float() @ down.float())
            found[f"{own}.weight"] = whole
        else:
            found[plain.replace(".base_layer.", ".")] = weight
    return found


def dithered(weight: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Return a weight in bfloat16, rounded up or down by chance, so that its mean is kept.

    Steps of reinforcement are smaller than what bfloat16 tells apart at a weight that lies
    on its grid, as those of a model that was stored in it do. Rounded to the nearest they
    would all be lost on the way to the server.

    Args:
        weight: in float32; in bfloat16 it is returned as it is.
        generator: of the chance, on the weight's device.
    """
    if weight.dtype != torch.float32:
        return weight.to(torch.bfloat16)
    bits = weight.contiguous().view(torch.int32)
    chance = torch.randint(
        0, 1 << 16, bits.shape, dtype=torch.int32, device=bits.device, generator=generator
    )
    return ((bits + chance) & -(1 << 16)).view(torch.float32).to(torch.bfloat16)


def save_policy(
    folder: Path, state: Mapping[str, torch.Tensor], policy: Any, seed: int
) -> None:
    """Write a policy's weights into a folder that a server can load them from.

    Args:
        folder: is made.
        state: the policy's, whole.
        policy: the model, or the model under its adapter.
        seed: of the rounding.
    """
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    config = causal_model(policy).config
    tensors = {}
    for name, weight in whole_weights(state, _scaling(policy)).items():
        if name == "lm_head.weight" and config.tie_word_embeddings:
            continue  # the embeddings' own
        generator = torch.Generator(weight.device).manual_seed(seed)
        tensors[name] = dithered(weight.detach(), generator).cpu().contiguous()
    save_file(tensors, folder / SAFE_WEIGHTS_NAME, metadata={"format": "pt"})
    stored = copy(config)
    stored.dtype = torch.bfloat16
    stored.save_pretrained(folder)


def _scaling(policy: Any) -> float:
    if not hasattr(policy, "peft_config"):
        return 1.0
    adapter = policy.peft_config["default"]
    return adapter.lora_alpha / adapter.r


def save_with_adapter(adapter: Path, model: Path, folder: Path) -> None:
    """Write a model with an adapter's weights added, for a server to load in its place.

    Args:
        adapter: the adapter's folder.
        model: the model that it was trained on.
        folder: is made.
    """
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    whole = AutoModelForCausalLM.from_pretrained(model, dtype=torch.bfloat16)
    policy: Any = PeftModel.from_pretrained(whole, str(adapter))
    save_policy(folder, policy.state_dict(), policy, seed=0)
