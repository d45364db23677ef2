"""A LoRA adapter made part of its model's weights, so that training can go on from both."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from .config import TrainingConfig
from .fingerprint import model_fingerprint
from .run import check_packages

MERGED_FILE = "merged.json"
"""In a merged model's folder: the fingerprints of what it was made of."""


def merge_adapter(adapter: Path, model: Path, out: Path) -> Path:
    """Write the model with an adapter's weights added; does nothing when it is there.

    A merged model of other weights, such as the adapter before it was trained again, is
    replaced.

    Args:
        adapter: the adapter's folder, with its tokenizer.
        model: the model that it was trained on.
        out: the folder to write, in one step.

    Raises:
        MissingDependencyError: peft is not installed.
    """
    made_of = {
        "adapter": model_fingerprint(adapter),
        "model": model_fingerprint(model),
    }
    if _made_of(out) == made_of:
        return out
    check_packages(TrainingConfig(lora_rank=1))
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from .checkpoints import publish, write_json

    whole = AutoModelForCausalLM.from_pretrained(model, dtype=torch.bfloat16)
    merged = PeftModel.from_pretrained(whole, str(adapter)).merge_and_unload()
    partial = out.with_name(f".{out.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    merged.save_pretrained(partial)
    AutoTokenizer.from_pretrained(adapter).save_pretrained(partial)
    write_json(partial / MERGED_FILE, made_of)
    publish(partial, out)
    return out


def _made_of(merged: Path) -> dict[str, str] | None:
    path = merged / MERGED_FILE
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
