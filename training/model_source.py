"""Where the weights are that a server is to load; what is not there is said before it starts."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Literal

from ..errors import DeepSearchError
from .base_model import cache_dir, is_adapter_dir, is_model_dir
from .fingerprint import model_fingerprint
from .hub import HUB_NAME, cached_snapshot, why_not_fetched
from .model_files import adapter_base
from .result import read_result


class ModelSourceError(DeepSearchError):
    """A model, or an adapter's base, is not there."""


def find_weights(
    model: str, engine: Literal["vllm", "transformers"], *, asks_hub: bool = True
) -> str:
    """Return what the engine loads: the model itself, or the base of an adapter.

    vLLM may fetch a model from the Hugging Face Hub; transformers' server gets a folder.

    Args:
        model: a folder, or a name on the Hub.
        engine: what is to load it.
        asks_hub: whether the Hub says which names there are; False where vLLM is to fetch
            models from elsewhere.

    Raises:
        ModelSourceError: it is no folder, and no name of a model that can be fetched.
    """
    if is_adapter_dir(model):
        return _find_base(Path(model), engine, asks_hub=asks_hub)
    if not Path(model).exists() and "://" not in model:
        if engine == "transformers":
            msg = f"there is no folder {model}: transformers' server needs a model's folder"
            raise ModelSourceError(msg)
        _require_hub_model(model, f"there is no folder {model}", asks_hub=asks_hub)
    return model


def _find_base(
    adapter: Path, engine: Literal["vllm", "transformers"], *, asks_hub: bool
) -> str:
    named = adapter_base(adapter)
    found = _base_here(adapter.absolute(), named)
    if found is not None:
        return str(found)
    missing = (
        f"the base model {named} of the adapter {adapter} is not there: put it back, or "
        "correct base_model_name_or_path in adapter_config.json"
    )
    if engine == "vllm":
        # It loads weights in more forms than ours.
        if not Path(named).is_dir() or is_adapter_dir(named):
            _require_hub_model(named, missing, asks_hub=asks_hub)
        return named
    cached = cached_snapshot(named)
    if cached is None:
        raise ModelSourceError(missing)
    return str(cached)


def _base_here(adapter: Path, named: str) -> Path | None:
    """Return the folder of an adapter's base, None where none is found.

    The place that the adapter names may be from before a run directory was moved: then a
    folder of that name beside it, or the packaged model, is the base if it is the model
    that `training.json` says.
    """
    result = read_result(adapter)
    name, _, fingerprint = (result.parent if result else "").rpartition("@")
    for place in (Path(named).expanduser(), adapter / named):
        if is_model_dir(place) and not is_adapter_dir(place):
            if name and model_fingerprint(place) != fingerprint:
                _warn_of_another(place, adapter)
            return place
    if not name:
        return None
    for place in (adapter.parent / name, adapter.parent.parent / name, cache_dir() / name):
        if is_model_dir(place) and model_fingerprint(place) == fingerprint:
            return place
    return None


def _warn_of_another(base: Path, adapter: Path) -> None:
    msg = (
        f"{base} is not, or no longer, the model that {adapter} was trained on: its answers "
        "may be worse"
    )
    warnings.warn(msg, RuntimeWarning, stacklevel=2)


def _require_hub_model(name: str, missing: str, *, asks_hub: bool) -> None:
    """Refuse what cannot be a model on the Hub, or is none that can be fetched."""
    repository, _, _ = name.partition(":")  # vLLM takes a quantization after it
    if not HUB_NAME.fullmatch(repository):
        raise ModelSourceError(missing)
    reason = why_not_fetched(repository) if asks_hub else ""
    if reason:
        msg = f"{missing}; {reason}"
        raise ModelSourceError(msg)
