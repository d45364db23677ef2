"""Loads a model the way training wants it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM

from .attention import ATTENTION_NAME
from .config import SftConfig


def load_for_training(path: Path, config: SftConfig) -> Any:
    """Return the model with our attention, in its training precision, LoRA added if set.

    Args:
        path: folder of the model.
        config: the settings; `dtype` decides what the weights are kept in.
    """
    kept_in = torch.bfloat16 if config.dtype == "bfloat16" else torch.float32
    model = AutoModelForCausalLM.from_pretrained(
        path, dtype=kept_in, attn_implementation=ATTENTION_NAME
    )
    model.config.use_cache = False
    if not config.lora_rank:
        return model
    from peft import LoraConfig, get_peft_model

    if config.gradient_checkpointing:
        model.enable_input_require_grads()
    adapter = LoraConfig(
        r=config.lora_rank,
        lora_alpha=config.lora_alpha or 2 * config.lora_rank,
        lora_dropout=config.lora_dropout,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )
    return get_peft_model(model, adapter)
