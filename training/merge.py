"""A LoRA adapter made part of its model's weights, so that training can go on from both."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from ..errors import DeepSearchError
from ..run_lock import run_lock
from .config import TrainingConfig
from .environment import quiet
from .fingerprint import model_fingerprint
from .run import check_packages
from .tokenizer import has_tokenizer, load_tokenizer

MERGED_FILE = "merged.json"
"""In a merged model's folder: the fingerprints of what it was made of."""

MERGED_SUFFIX = "-merged"
"""What the name of the folder beside an adapter ends with that holds it merged."""


class MergeError(DeepSearchError):
    """A merged model has no place to be written to."""


def merge_beside(adapter: Path, model: Path) -> Path:
    """Return an adapter as a whole model, in the folder `<adapter>-merged` beside it.

    It is made once, and again when the adapter or its base have changed.

    Args:
        adapter: the adapter's folder.
        model: the model that it was trained on.

    Raises:
        BusyError: another process is merging it.
        MergeError: another model lies in that folder.
        MissingDependencyError: peft is not installed.
        TokenizerError: neither of them has a tokenizer.
    """
    adapter = adapter.absolute()
    out = adapter.with_name(adapter.name + MERGED_SUFFIX)
    found = _made_of(out)
    if found == _parts(adapter, model):
        return out
    if out.exists() and found is None:
        msg = f"{out} is there and is no merged model of ours: move it, to serve {adapter}"
        raise MergeError(msg)
    check_packages(TrainingConfig(lora_rank=1))
    with run_lock(out), quiet():
        return merge_adapter(adapter, model, out)


def merge_adapter(adapter: Path, model: Path, out: Path) -> Path:
    """Write the model with an adapter's weights added; does nothing when it is there.

    The sums are float32's and are stored in bfloat16, rounded up or down by chance, so that
    an adapter's steps are kept on average (`policy_weights.dithered`). A merged model of
    other weights, such as the adapter before it was trained again, is replaced.

    Args:
        adapter: the adapter's folder; its tokenizer is taken, or else the model's.
        model: the model that it was trained on.
        out: the folder to write, in one step.

    Raises:
        MissingDependencyError: peft is not installed.
        TokenizerError: neither of them has a tokenizer.
    """
    made_of = _parts(adapter, model)
    if _made_of(out) == made_of:
        return out
    check_packages(TrainingConfig(lora_rank=1))
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    from .checkpoints import publish, write_json
    from .policy_weights import dither_model

    tokenizer = load_tokenizer(adapter if has_tokenizer(adapter) else model)
    # An adapter's small steps would be rounded away if they were added in bfloat16.
    whole = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    merged = PeftModel.from_pretrained(whole, str(adapter)).merge_and_unload()
    dither_model(merged)
    partial = out.with_name(f".{out.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    merged.save_pretrained(partial)
    tokenizer.save_pretrained(partial)
    write_json(partial / MERGED_FILE, made_of)
    publish(partial, out)
    return out


def _parts(adapter: Path, model: Path) -> dict[str, str]:
    return {"adapter": model_fingerprint(adapter), "model": model_fingerprint(model)}


def _made_of(merged: Path) -> dict[str, str] | None:
    path = merged / MERGED_FILE
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
