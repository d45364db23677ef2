"""Loads a model the way training wants it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM

from .attention import ATTENTION_NAME
from .config import ConfigError, TrainingConfig


def load_for_training(path: Path, config: TrainingConfig) -> Any:
    """Return the model with our attention, in its training precision, LoRA added if set.

    Args:
        path: folder of the model.
        config: the settings; `dtype` decides what the weights are kept in.
    """
    model = load_weights(path, config)
    adapter = lora_settings(config)
    if adapter is None:
        return model
    from peft import get_peft_model

    if config.gradient_checkpointing:
        model.enable_input_require_grads()
    # The adapter itself is float32; of DeepSpeed's all parameters must have one type, and
    # it keeps float32 masters.
    return get_peft_model(model, adapter, autocast_adapter_dtype=not config.deepspeed)


def load_weights(path: Path, config: TrainingConfig) -> Any:
    """Return the model itself, with our attention, in its training precision, layers frozen.

    Under an adapter it is frozen and needs no float32 masters: bfloat16, half the memory.

    Args:
        path: folder of the model.
        config: the settings; `dtype` decides what the weights are kept in.
    """
    is_coarse = config.dtype == "bfloat16" or (config.dtype == "mixed" and config.lora_rank)
    kept_in = torch.bfloat16 if is_coarse else torch.float32
    # An adapter's file names its base by this path, from wherever it is served.
    source = path.absolute() if config.lora_rank else path
    model = AutoModelForCausalLM.from_pretrained(
        source, dtype=kept_in, attn_implementation=ATTENTION_NAME
    )
    model.config.use_cache = False
    freeze_layers(model, config.frozen_layers)
    return model


def freeze_layers(model: Any, count: int) -> None:
    """Keep the embeddings and the lowest layers of a decoder as they are.

    Raises:
        ConfigError: the model has no more layers than that.
    """
    if not count:
        return
    layers = model.get_decoder().layers
    if count >= len(layers):
        msg = (
            f"frozen_layers {count}: the model has {len(layers)} layers; keep one to train"
        )
        raise ConfigError(msg)
    for part in (model.get_input_embeddings(), *layers[:count]):
        part.requires_grad_(False)


def lora_settings(config: TrainingConfig) -> Any:
    """Return PEFT's settings of the adapter, None when all weights are trained."""
    if not config.lora_rank:
        return None
    from peft import LoraConfig

    return LoraConfig(
        r=config.lora_rank,
        lora_alpha=config.lora_alpha or 2 * config.lora_rank,
        lora_dropout=config.lora_dropout,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )
