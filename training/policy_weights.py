"""A policy's weights as a server loads them: an adapter added in, in bfloat16."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import copy
from pathlib import Path
from typing import Any

import torch

from .packed_forward import causal_model
from .result import TrainingError

BASE = ".base_layer."
"""What PEFT puts into the name of a layer that an adapter adds to."""

PREFIX = "base_model.model."
"""What PEFT puts before the names of a model under an adapter."""


def whole_weights(
    state: Mapping[str, torch.Tensor], scaling: float = 1.0
) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield a policy's weights by the names its model has them under, one at a time.

    Args:
        state: of the model, or of the model under its adapter.
        scaling: of the adapter, alpha by rank.

    Raises:
        TrainingError: the adapter adds to what is no linear layer, as experts are.
    """
    left = {name for name in state if ".lora_A." in name}
    for name, weight in state.items():
        if ".lora_" in name:
            continue
        layer, base, kind = name.rpartition(BASE)
        if base and kind == "weight":
            down, up = (f"{layer}.lora_{x}.default.weight" for x in "AB")
            weight = weight.float() + scaling * (state[up].float() @ state[down].float())
            left.discard(down)
        yield name.removeprefix(PREFIX).replace(BASE, "."), weight
    if left:
        msg = (
            f"the adapter adds to {min(left).partition('.lora_')[0]}, which is no linear layer "
            "and cannot be brought to a server as whole weights: set policy_sync to adapter, "
            "or lora_rank to 0"
        )
        raise TrainingError(msg)


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


def dither_model(model: torch.nn.Module) -> None:
    """Turn a model into bfloat16 in place, as `dithered` rounds."""
    generators: dict[torch.device, torch.Generator] = {}
    for weight in model.parameters():
        weight.data = dithered(weight.data, _generator(generators, weight.device, 0))
    model.to(torch.bfloat16)


def save_policy(
    folder: Path, state: Mapping[str, torch.Tensor], policy: Any, seed: int
) -> None:
    """Write a policy's weights into a folder that a server can load them from.

    Args:
        folder: is made.
        state: the policy's, whole.
        policy: the model, or the model under its adapter.
        seed: of the rounding.

    Raises:
        TrainingError: the adapter adds to what is no linear layer, as experts are.
    """
    model = causal_model(policy)
    tied = getattr(model, "all_tied_weights_keys", None) or {}
    generators: dict[torch.device, torch.Generator] = {}
    tensors = {
        name: dithered(weight.detach(), _generator(generators, weight.device, seed)).cpu()
        for name, weight in whole_weights(state, _scaling(policy))
        if name not in tied
    }
    # Not the file alone: some models are stored under other names than they have here.
    model.save_pretrained(folder, state_dict=tensors)
    stored = copy(model.config)
    stored.dtype = torch.bfloat16
    stored.save_pretrained(folder)


def _generator(
    made: dict[torch.device, torch.Generator], device: torch.device, seed: int
) -> torch.Generator:
    if device not in made:
        made[device] = torch.Generator(device).manual_seed(seed)
    return made[device]


def _scaling(policy: Any) -> float:
    if not hasattr(policy, "peft_config"):
        return 1.0
    adapter = policy.peft_config["default"]
    return adapter.lora_alpha / adapter.r
