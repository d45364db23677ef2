"""From the paper's settings to a desk's: sizes are cut, the method stays.

What decides the method (algorithm, reward, curriculum, divergence, clipping, beta) is the
recipe's own; what only decides how much and how fast is the desk's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import singledispatch
from typing import Any

from ..errors import DeepSearchError
from ..training.config import Precision, SftConfig, TrainingConfig
from ..training.dpo_config import DpoConfig
from ..training.rl_config import RlConfig

DESK_ROUNDS = 1
"""Rounds of DAPO's dynamic sampling at a desk: each costs as much as the step itself."""


@dataclass(frozen=True)
class DeskSize:
    """How much of everything a desk run has."""

    pages: int = 300
    train_questions: int = 60
    test_questions: int = 20
    teacher_rollouts: int = 3
    own_rollouts: int = 4
    """Runs of each question by the trained model, for preference pairs."""
    rl_steps: int = 4
    rl_questions: int = 4
    rl_rollouts: int = 4
    """Most rollouts of a question in reinforcement learning."""
    concurrency: int = 16
    max_length: int = 3072
    """Most tokens of a sample."""
    dtype: Precision = "mixed"


SIZES = {
    "desk": DeskSize(),
    "tiny": DeskSize(
        pages=200,
        train_questions=8,
        test_questions=3,
        teacher_rollouts=2,
        own_rollouts=1,
        rl_steps=1,
        rl_questions=1,
        rl_rollouts=2,
        concurrency=8,
    ),
}
"""desk: minutes on a few cores, with a model of 135 million parameters. tiny: every stage
once, to see it work."""


def get_size(name: str) -> DeskSize:
    """Return the size of that name.

    Raises:
        DeepSearchError: there is none; the message lists the names.
    """
    if name not in SIZES:
        msg = f"unknown size {name!r}; known: {', '.join(SIZES)}"
        raise DeepSearchError(msg)
    return SIZES[name]


@singledispatch
def desk_config(config: TrainingConfig, size: DeskSize) -> Any:  # noqa: ARG001
    """Return a stage's settings cut to the size of a desk.

    Raises:
        DeepSearchError: the settings are of a method that a desk run does not know.
    """
    msg = f"settings of type {type(config).__name__} have no desk size"
    raise DeepSearchError(msg)


@desk_config.register
def _sft(config: SftConfig, size: DeskSize) -> SftConfig:
    # The learning rate and batch of the desk loop: small steps, many of them.
    return replace(config, learning_rate=4e-4, epochs=1, batch_size=2, **_shared(size))


@desk_config.register
def _dpo(config: DpoConfig, size: DeskSize) -> DpoConfig:
    return replace(config, learning_rate=5e-6, epochs=1, batch_size=4, **_shared(size))


@desk_config.register
def _rl(config: RlConfig, size: DeskSize) -> RlConfig:
    rollouts = min(config.rollouts, size.rl_rollouts)
    return replace(
        config,
        learning_rate=2e-5,
        steps=size.rl_steps,
        questions_per_step=size.rl_questions,
        rollouts=rollouts,
        batch_size=size.rl_questions * rollouts,
        dynamic_rounds=min(config.resampling_rounds, DESK_ROUNDS),
        concurrency=size.concurrency,
        policy_sync="weights",
        **{**_shared(size), "lora_rank": 16},
    )


def _shared(size: DeskSize) -> dict[str, Any]:
    return {
        "micro_batch_size": None,
        "max_length": size.max_length,
        "dtype": size.dtype,
        "gradient_checkpointing": False,
        "lora_rank": 0,
        "deepspeed": None,
    }
