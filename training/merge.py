"""A LoRA adapter made part of its model's weights, so that training can go on from both."""

from __future__ import annotations

from pathlib import Path

from .config import TrainingConfig
from .run import check_packages


def merge_adapter(adapter: Path, model: Path, out: Path) -> Path:
    """Write the model with an adapter's weights added; does nothing when it is there.

    Args:
        adapter: the adapter's folder, with its tokenizer.
        model: the model that it was trained on.
        out: the folder to write, in one step.

    Raises:
        MissingDependencyError: peft is not installed.
    """
    if out.is_dir():
        return out
    check_packages(TrainingConfig(lora_rank=1))
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from .checkpoints import publish

    whole = AutoModelForCausalLM.from_pretrained(model, dtype=torch.bfloat16)
    merged = PeftModel.from_pretrained(whole, str(adapter)).merge_and_unload()
    partial = out.with_name(f".{out.name}.partial")
    merged.save_pretrained(partial)
    AutoTokenizer.from_pretrained(adapter).save_pretrained(partial)
    publish(partial, out)
    return out
