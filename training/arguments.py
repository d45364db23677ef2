"""From our settings to the trainer's: batches, precision, checkpoints, DeepSpeed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from transformers import TrainingArguments

from .batches import split_batch
from .config import TrainingConfig, read_deepspeed
from .environment import process_count
from .rows import TokenRow

CHECKPOINTS_PER_RUN = 5
"""Checkpoints of a run when `save_steps` is not set."""


def batches(config: TrainingConfig, mean_tokens: float) -> tuple[int, int]:
    """Return samples at once in this process, and how often before a step is made.

    Args:
        config: our settings.
        mean_tokens: tokens of a sample.

    Raises:
        BatchSizeError: the batch size does not divide evenly.
    """
    return split_batch(config, mean_tokens, processes=process_count(), on_gpu=has_cuda())


def training_arguments(
    config: TrainingConfig, rows: Sequence[TokenRow], checkpoints: Path
) -> TrainingArguments:
    """Return the trainer's arguments.

    Args:
        config: our settings.
        rows: what is trained on.
        checkpoints: folder of the checkpoints.

    Raises:
        BatchSizeError: the batch size does not divide evenly.
    """
    mean = sum(len(row.input_ids) for row in rows) / len(rows)
    return TrainingArguments(**argument_values(config, len(rows), mean, checkpoints))


def argument_values(
    config: TrainingConfig, samples: int, mean_tokens: float, checkpoints: Path
) -> dict[str, Any]:
    """Return the trainer's arguments by name, for `TrainingArguments` and TRL's alike.

    Args:
        config: our settings.
        samples: what is trained on, in number.
        mean_tokens: tokens of a sample.
        checkpoints: folder of the checkpoints.

    Raises:
        BatchSizeError: the batch size does not divide evenly.
    """
    micro, accumulated = batches(config, mean_tokens)
    steps = max(1, round(samples * config.epochs / config.batch_size))
    cuda = has_cuda()
    return {
        "output_dir": str(checkpoints),
        "per_device_train_batch_size": micro,
        "per_device_eval_batch_size": 1,  # a mean of batches' means is none over what is in them
        "gradient_accumulation_steps": accumulated,
        "num_train_epochs": config.epochs,
        "learning_rate": config.learning_rate,
        "lr_scheduler_type": config.schedule,
        "warmup_steps": config.warmup,
        "weight_decay": config.weight_decay,
        "adam_beta2": config.adam_beta2,
        "max_grad_norm": config.max_grad_norm,
        "bf16": config.dtype == "mixed"
        or (config.dtype == "bfloat16" and bool(config.deepspeed)),
        **_checkpointing(config),
        "use_cpu": not cuda,
        "deepspeed": _deepspeed_settings(config),
        "ddp_backend": None if cuda or "WORLD_SIZE" not in os.environ else "gloo",
        "eval_strategy": "epoch" if config.evaluation_fraction else "no",
        "prediction_loss_only": True,
        "save_strategy": "steps",
        "save_steps": config.save_steps or max(1, -(-steps // CHECKPOINTS_PER_RUN)),
        "save_total_limit": 2,
        "logging_steps": 1,
        "disable_tqdm": True,
        "report_to": "none",
        "log_level": "error",
        "dataloader_pin_memory": cuda,
        "remove_unused_columns": False,
        "seed": config.seed,
    }


def _checkpointing(config: TrainingConfig) -> dict[str, Any]:
    # transformers 5.23 renamed the argument; TRL's own classes have it on by default.
    known = {entry.name for entry in fields(TrainingArguments)}
    new = "activation_checkpointing"
    name = new if new in known else "gradient_checkpointing"
    return {name: config.gradient_checkpointing}


def _deepspeed_settings(config: TrainingConfig) -> dict[str, Any] | None:
    settings = read_deepspeed(config)
    if settings is not None and config.dtype == "float32":
        settings["bf16"] = {"enabled": False}
    return settings


def has_cuda() -> bool:
    """Tell whether training runs on a GPU."""
    return torch.cuda.is_available()
