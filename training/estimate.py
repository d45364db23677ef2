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
from .batches import split_batch
from .config import Precision, TrainingConfig
from .sharding import Sharding

GIB = 1024**3

BYTES = {"bfloat16": (2, 2, 4), "mixed": (2, 2, 12), "float32": (4, 4, 8)}
"""Precision to the bytes of a trained parameter's weight, gradient and optimizer. mixed:
bfloat16 weight and gradient, and Adam's float32 master weight, momentum and variance (ZeRO,
arXiv 1910.02054, section 3.1: 16 bytes in all)."""

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

FROZEN_BACKWARD = 1
"""The same where the weights are frozen under an adapter: gradients of activations alone."""

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
    context: int | None = None
    """Context length in tokens, None where it is not said."""

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

    def adapter_parameters(self, rank: int) -> int:
        """Weights of a LoRA adapter of all linear maps of the layers."""
        queries = self.heads * self.head_size
        keys = self.key_heads * self.head_size
        attention = 2 * (self.hidden + queries) + 2 * (self.hidden + keys)
        return self.layers * rank * (attention + 3 * (self.hidden + self.intermediate))

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
    "135m": ModelShape(30, 576, 1536, 9, 3, 49152, 64, is_tied=True, context=8192),
    "7b": ModelShape(28, 3584, 18944, 28, 4, 152064, 128, context=131072),
    "32b": ModelShape(64, 5120, 27648, 40, 8, 152064, 128, context=131072),
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
        context=getattr(config, "max_position_embeddings", None),
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


@dataclass(frozen=True)
class States:
    """Bytes of all that is kept of the parameters, over all devices."""

    weights: float
    gradients: float
    optimizer: float

    def on_device(self, sharding: Sharding, devices: int) -> float:
        """Return what lies on one device."""
        stage = sharding.stage or 0
        own = 0.0
        if not sharding.offloads_weights:
            own += self.weights / (devices if stage >= 3 else 1)
        if not sharding.offloads_optimizer:
            own += self.gradients / (devices if stage >= 2 else 1)
            own += self.optimizer / (devices if stage >= 1 else 1)
        return own

    def on_host(self, sharding: Sharding) -> float:
        """Return what lies in the host's memory."""
        moving = self.gradients + self.optimizer
        return (self.weights if sharding.offloads_weights else 0) + (
            moving if sharding.offloads_optimizer else 0
        )


def states(shape: ModelShape, config: TrainingConfig, sharding: Sharding) -> States:
    """Return the bytes of weights, gradients and optimizer.

    An adapter is float32 over a frozen bfloat16 model; DeepSpeed keeps float32 masters of
    bfloat16 weights itself.
    """
    weight, gradient, optimizer = BYTES[_precision(config, sharding)]
    trained = _trained_parameters(shape, config)
    frozen = shape.parameters - (0 if config.lora_rank else trained)
    if config.lora_rank:
        frozen_bytes = BYTES[config.dtype][0] * frozen
        weight, gradient, optimizer = BYTES["float32"]
    else:
        frozen_bytes = weight * frozen
    return States(frozen_bytes + weight * trained, gradient * trained, optimizer * trained)


def _precision(config: TrainingConfig, sharding: Sharding) -> Precision:
    if config.dtype == "bfloat16" and sharding.stage is not None:
        return "mixed"
    return config.dtype


def _trained_parameters(shape: ModelShape, config: TrainingConfig) -> int:
    if config.lora_rank:
        return shape.adapter_parameters(config.lora_rank)
    if not config.frozen_layers:
        return shape.parameters
    embeddings = shape.vocabulary * shape.hidden
    return shape.parameters - embeddings - config.frozen_layers * shape.layer_parameters


def estimate(
    shape: ModelShape,
    config: TrainingConfig,
    load: Load,
    *,
    devices: int = 8,
    kind: str = "h100",
    sharding: Sharding,
) -> Estimate:
    """Estimate a training.

    Args:
        shape: the model's.
        config: the settings: batch, epochs, precision, adapter, checkpointing.
        load: what is trained on.
        devices: how many, one process each.
        kind: key of `PEAK_FLOPS`.
        sharding: what the devices share, and what the host keeps.

    Raises:
        ShapeError: the device is not known.
        BatchSizeError: the batch size does not divide between the devices.
    """
    if kind not in PEAK_FLOPS:
        msg = f"unknown device {kind!r}; known: {', '.join(PEAK_FLOPS)}"
        raise ShapeError(msg)
    kept = states(shape, config, sharding)
    mean = load.tokens / max(1, load.samples)
    micro, _ = split_batch(config, mean, processes=devices, on_gpu=kind != "cpu")
    is_offloaded = sharding.offloads_optimizer or sharding.offloads_weights
    used = OFFLOAD_UTILIZATION if is_offloaded else USUAL_UTILIZATION
    seconds = arithmetic(shape, config, load) / (devices * PEAK_FLOPS[kind] * used)
    return Estimate(
        name=sharding.name,
        states_gib=kept.on_device(sharding, devices) / GIB,
        gathered_gib=gathered(shape, config, sharding) / GIB,
        activations_gib=activations(shape, config, load, micro) / GIB,
        host_gib=kept.on_host(sharding) / GIB,
        hours=seconds / 3600,
        card_gib=CARD_GIB[kind],
    )


def arithmetic(shape: ModelShape, config: TrainingConfig, load: Load) -> float:
    """Return the operations of the whole training; an adapter's own are left out."""
    mean = load.tokens // max(1, load.samples)
    forward = load.samples * shape.forward_flops([mean], 0)
    forward += 2 * shape.vocabulary * shape.hidden * load.trained_tokens
    backward = FROZEN_BACKWARD if config.lora_rank else BACKWARD
    backward *= 1 - config.frozen_layers / shape.layers
    recomputed = RECOMPUTED if config.gradient_checkpointing else 0
    return config.epochs * forward * (1 + backward + recomputed)


def gathered(shape: ModelShape, config: TrainingConfig, sharding: Sharding) -> float:
    """Return the bytes of other devices' weights that one holds while it works."""
    if sharding.stage != 3:
        return 0.0
    largest = max(shape.layer_parameters, shape.vocabulary * shape.hidden)
    held = max(2 * largest, min(LIVE_PARAMETERS, shape.parameters))
    return held * BYTES[config.dtype][0]


def activations(shape: ModelShape, config: TrainingConfig, load: Load, micro: int) -> float:
    """Return the bytes of activations of one micro batch of the longest samples.

    Args:
        shape: the model's.
        config: precision and checkpointing.
        load: what is trained on.
        micro: samples at once.
    """
    tokens = micro * load.longest
    width = 2 if config.dtype == "float32" else 1
    layer = width * LAYER_ACTIVATIONS * tokens * shape.hidden
    labelled = tokens * load.trained_tokens / max(1, load.tokens)
    logits = LOGIT_BYTES * labelled * shape.vocabulary
    if not config.gradient_checkpointing:
        return shape.layers * layer + logits
    kept = width * shape.layers * tokens * shape.hidden * 2
    return kept + max(layer, logits)
