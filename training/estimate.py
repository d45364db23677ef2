"""What a training takes, before any of it is spent: arithmetic, memory, time.

Estimates from shapes alone, for dense Llama-like models. What they leave out:
fragmentation, communication that does not overlap, the libraries' own buffers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import DeepSearchError
from .config import TrainingConfig

GIB = 1024**3

WEIGHT_BYTES, GRADIENT_BYTES, OPTIMIZER_BYTES = 2, 2, 12
"""For each parameter: bfloat16 weight and gradient, and Adam's float32 master weight,
momentum and variance (ZeRO, arXiv 1910.02054, section 3.1: 16 bytes in all)."""

LIVE_PARAMETERS = 1_000_000_000
"""Parameters that ZeRO-3 gathers at once at most (DeepSpeed's stage3_max_live_parameters)."""

LAYER_ACTIVATIONS = 34
"""Bytes for each token and hidden unit of a layer that is kept whole, without attention
scores, in 16 bits (arXiv 2205.05198, section 4.1)."""

LOGIT_BYTES = 8
"""For each labelled token and word of the vocabulary: bfloat16 logits, their float32 copy
and part of its gradient."""

BACKWARD, RECOMPUTED = 2, 1
"""Times the forward pass's arithmetic that the backward pass takes, and that recomputing
activations adds."""

PEAK_FLOPS = {
    "h200": 989e12,
    "h100": 989e12,
    "a100": 312e12,
    "cpu": 0.2e12,
}
"""Dense bfloat16 operations a second (NVIDIA data sheets); cpu: two cores with AVX-512."""

CARD_GIB = {"h200": 141, "h100": 80, "a100": 80, "cpu": 24}
"""Memory of one device."""

USUAL_UTILIZATION = 0.4
"""Share of the peak that dense training reaches; offload reaches about half of it."""

OFFLOAD_UTILIZATION = 0.2


class ShapeError(DeepSearchError):
    """A model's shape is not known."""


@dataclass(frozen=True)
class ModelShape:
    """The sizes that arithmetic and memory follow from."""

    layers: int
    hidden: int
    intermediate: int
    heads: int
    key_heads: int
    vocabulary: int
    head_size: int
    is_tied: bool = False

    @property
    def layer_parameters(self) -> int:
        """Weights of one layer: attention and gated feed-forward."""
        queries = self.heads * self.head_size
        keys = self.key_heads * self.head_size
        attention = self.hidden * (2 * queries + 2 * keys)
        return attention + 3 * self.hidden * self.intermediate + 2 * self.hidden

    @property
    def parameters(self) -> int:
        """Weights of the whole model."""
        tables = self.vocabulary * self.hidden * (1 if self.is_tied else 2)
        return self.layers * self.layer_parameters + tables + self.hidden

    def forward_flops(self, lengths: Sequence[int], labelled: int) -> float:
        """Return the operations of one forward pass.

        Args:
            lengths: tokens of each sequence; attention is causal and within one.
            labelled: positions whose logits are computed.
        """
        tokens = sum(lengths)
        dense = 2 * self.layers * self.layer_parameters * tokens
        pairs = sum(n * (n + 1) // 2 for n in lengths)
        scores = 4 * self.layers * self.heads * self.head_size * pairs
        return dense + scores + 2 * self.vocabulary * self.hidden * labelled

    def training_flops(self, lengths: Sequence[int], labelled: int) -> float:
        """Return the operations of forward and backward pass.

        Recomputed activations are no model arithmetic and do not count: utilisation
        divides by this.
        """
        return (1 + BACKWARD) * self.forward_flops(lengths, labelled)


SHAPES = {
    "135m": ModelShape(30, 576, 1536, 9, 3, 49152, 64, is_tied=True),
    "7b": ModelShape(28, 3584, 18944, 28, 4, 152064, 128),
    "32b": ModelShape(64, 5120, 27648, 40, 8, 152064, 128),
}
"""SmolLM2-135M, Qwen2.5-7B and Qwen2.5-32B (their config.json)."""


def model_shape(model: str | Path) -> ModelShape:
    """Return the shape of a model folder, or of a size named in `SHAPES`.

    Raises:
        ShapeError: neither is there.
    """
    if str(model) in SHAPES:
        return SHAPES[str(model)]
    if not (Path(model) / "config.json").is_file():
        msg = f"{model} is no model folder and no size; known sizes: {', '.join(SHAPES)}"
        raise ShapeError(msg)
    from transformers import AutoConfig

    return shape_of(AutoConfig.from_pretrained(model))


def shape_of(config: Any) -> ModelShape:
    """Return the shape that a transformers configuration describes."""
    heads = config.num_attention_heads
    return ModelShape(
        layers=config.num_hidden_layers,
        hidden=config.hidden_size,
        intermediate=config.intermediate_size,
        heads=heads,
        key_heads=getattr(config, "num_key_value_heads", None) or heads,
        vocabulary=config.vocab_size,
        head_size=getattr(config, "head_dim", None) or config.hidden_size // heads,
        is_tied=bool(getattr(config, "tie_word_embeddings", False)),
    )


@dataclass(frozen=True)
class Load:
    """What is trained on."""

    samples: int
    tokens: int
    """Of all samples together, once."""
    trained_tokens: int
    longest: int
    """Tokens of the longest sample."""


@dataclass(frozen=True)
class Estimate:
    """What one way of running a training takes, on each device."""

    name: str
    states_gib: float
    """Weights, gradients and optimizer."""
    gathered_gib: float
    """Weights of other devices, gathered for the layers at work."""
    activations_gib: float
    host_gib: float
    """Memory of the host, over all devices."""
    hours: float
    card_gib: float

    @property
    def device_gib(self) -> float:
        """Memory of one device in all."""
        return self.states_gib + self.gathered_gib + self.activations_gib

    @property
    def fits(self) -> bool:
        """Whether it fits the device, with a tenth left over."""
        return self.device_gib <= 0.9 * self.card_gib

    def line(self) -> str:
        """Return it for people."""
        verdict = "fits" if self.fits else "does NOT fit"
        return (
            f"{self.name}: {self.device_gib:.0f} GiB a device ({self.states_gib:.0f} states, "
            f"{self.gathered_gib:.0f} gathered, {self.activations_gib:.0f} activations), "
            f"{verdict} {self.card_gib:.0f} GiB; {self.host_gib:.0f} GiB of host memory; "
            f"about {self.hours:.1f} h"
        )


def estimate(
    shape: ModelShape,
    config: TrainingConfig,
    load: Load,
    *,
    devices: int = 8,
    kind: str = "h100",
    offload: bool,
) -> Estimate:
    """Estimate a full training under ZeRO-3.

    Args:
        shape: the model's.
        config: batch, epochs and checkpointing.
        load: what is trained on.
        devices: how many share the states.
        kind: key of `PEAK_FLOPS`.
        offload: whether optimizer and weights live in the host's memory.
    """
    if kind not in PEAK_FLOPS:
        msg = f"unknown device {kind!r}; known: {', '.join(PEAK_FLOPS)}"
        raise ShapeError(msg)
    count = shape.parameters
    states = count * (WEIGHT_BYTES + GRADIENT_BYTES + OPTIMIZER_BYTES)
    on_device = 0 if offload else states / devices
    largest = max(shape.layer_parameters, shape.vocabulary * shape.hidden)
    gathered = max(2 * largest, min(LIVE_PARAMETERS, count)) * WEIGHT_BYTES
    arithmetic = shape.training_flops([load.tokens // max(1, load.samples)], 0)
    share = load.samples * arithmetic + 6 * shape.vocabulary * shape.hidden * (
        load.trained_tokens
    )
    if config.gradient_checkpointing:
        share *= (1 + BACKWARD + RECOMPUTED) / (1 + BACKWARD)
    used = OFFLOAD_UTILIZATION if offload else USUAL_UTILIZATION
    seconds = config.epochs * share / (devices * PEAK_FLOPS[kind] * used)
    return Estimate(
        name="ZeRO-3 with offload" if offload else "ZeRO-3",
        states_gib=on_device / GIB,
        gathered_gib=gathered / GIB,
        activations_gib=activations(shape, config, load) / GIB,
        host_gib=(states if offload else 0) / GIB,
        hours=seconds / 3600,
        card_gib=CARD_GIB[kind],
    )


def activations(shape: ModelShape, config: TrainingConfig, load: Load) -> float:
    """Return the bytes of activations of one micro batch of the longest samples."""
    tokens = (config.micro_batch_size or 1) * load.longest
    layer = LAYER_ACTIVATIONS * tokens * shape.hidden
    labelled = tokens * load.trained_tokens / max(1, load.tokens)
    logits = LOGIT_BYTES * labelled * shape.vocabulary
    if not config.gradient_checkpointing:
        return shape.layers * layer + logits
    kept = shape.layers * tokens * shape.hidden * 2
    return kept + max(layer, logits)
