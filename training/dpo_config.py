"""Settings of direct preference optimisation."""

from __future__ import annotations

from dataclasses import dataclass

from .config import ConfigError, TrainingConfig

PAPER_BETA = 0.1
"""Weight of the reference model (SimpleDeepSearcher, appendix C)."""


@dataclass(frozen=True)
class DpoConfig(TrainingConfig):
    """How to train on preferences. `dpo_paper` has the paper's settings.

    `batch_size`, `micro_batch_size` and `max_length` count pairs and the tokens of one
    side.
    """

    learning_rate: float = 5e-7
    warmup: float = 0.1
    beta: float = PAPER_BETA
    """How strongly the trained model is held to the one it started from."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.beta <= 0:
            msg = "setting beta must be more than 0"
            raise ConfigError(msg)
