"""Where a training's weights, gradients and optimizer live: DeepSpeed's stages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .config import ConfigError, TrainingConfig, read_deepspeed


@dataclass(frozen=True)
class Sharding:
    """What the devices share between them, and what the host keeps for them."""

    stage: int | None = None
    """ZeRO's: from 1 the optimizer is shared, from 2 gradients, at 3 weights; None: no
    DeepSpeed."""
    offloads_optimizer: bool = False
    """Optimizer and gradients lie in the host's memory."""
    offloads_weights: bool = False

    @property
    def name(self) -> str:
        """Return it for people."""
        if self.stage is None:
            return "no DeepSpeed"
        if self.offloads_optimizer and (self.offloads_weights or self.stage < 3):
            return f"ZeRO-{self.stage} with offload"
        if self.offloads_optimizer or self.offloads_weights:
            what = "optimizer" if self.offloads_optimizer else "weights"
            return f"ZeRO-{self.stage} with offload of the {what}"
        return f"ZeRO-{self.stage}"


ZERO_3 = Sharding(3)
ZERO_3_OFFLOAD = Sharding(3, offloads_optimizer=True, offloads_weights=True)


def sharding_of(config: TrainingConfig) -> Sharding:
    """Return how the settings' DeepSpeed file, if any, shares a training.

    Raises:
        ConfigError: the file is absent or unreadable, or its stage is none.
    """
    settings = read_deepspeed(config)
    if settings is None:
        return Sharding()
    zero = settings.get("zero_optimization") or {}
    stage = zero.get("stage", 0) if isinstance(zero, dict) else zero
    if stage not in range(4):
        msg = f"{config.deepspeed}: `zero_optimization` has a stage 0 to 3, not {stage!r}"
        raise ConfigError(msg)
    return Sharding(
        stage,
        offloads_optimizer=stage > 0 and _is_offloaded(zero.get("offload_optimizer")),
        offloads_weights=stage == 3 and _is_offloaded(zero.get("offload_param")),
    )


def _is_offloaded(values: Any) -> bool:
    return isinstance(values, dict) and values.get("device", "none") != "none"
