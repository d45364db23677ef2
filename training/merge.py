"""A LoRA adapter made part of its model's weights: to train on from both, and to serve them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

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

    Layers that the adapter adds to are summed in float32 and stored in bfloat16, rounded up
    or down by chance, so that its steps are kept on average (`policy_weights.dithered`). A
    merged model of other weights, such as the adapter before it was trained again, is
    replaced.

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
    from .freed_memory import give_back_memory

    tokenizer = load_tokenizer(adapter if has_tokenizer(adapter) else model)
    whole = AutoModelForCausalLM.from_pretrained(model, dtype=torch.bfloat16)
    policy = PeftModel.from_pretrained(whole, str(adapter))
    _add_in(policy)
    merged: Any = policy.unload()
    partial = out.with_name(f".{out.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    merged.save_pretrained(partial)
    tokenizer.save_pretrained(partial)
    write_json(partial / MERGED_FILE, made_of)
    publish(partial, out)
    del whole, policy, merged
    give_back_memory()
    return out


def _add_in(policy: Any) -> None:
    """Add an adapter to the weights of a model in bfloat16, layer by layer."""
    import torch
    from peft.tuners.tuners_utils import BaseTunerLayer

    from .policy_weights import dithered

    generator = torch.Generator().manual_seed(0)
    adapted: list[Any] = [m for m in policy.modules() if isinstance(m, BaseTunerLayer)]
    for layer in adapted:
        # In bfloat16 itself the sum would be the weight before, for small steps.
        layer.float()
        layer.merge()
        for weight in layer.get_base_layer().parameters():
            if weight.is_floating_point():
                weight.data = dithered(weight.data, generator)


def _parts(adapter: Path, model: Path) -> dict[str, str]:
    return {"adapter": model_fingerprint(adapter), "model": model_fingerprint(model)}


def _made_of(merged: Path) -> dict[str, str] | None:
    path = merged / MERGED_FILE
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
