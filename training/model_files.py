"""What the files of a model or of a LoRA adapter say of it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


def context_length(model: str | os.PathLike[str]) -> int | None:
    """Return a model folder's context length in tokens, None where it does not say."""
    config = Path(model) / "config.json"
    if not config.is_file():
        return None
    return json.loads(config.read_text(encoding="utf-8")).get("max_position_embeddings")


def adapter_base(adapter: str | os.PathLike[str]) -> str:
    """Return the base model that a LoRA adapter was trained on."""
    return str(_adapter_settings(adapter)["base_model_name_or_path"])


def adapter_rank(adapter: str | os.PathLike[str]) -> int:
    """Return the largest rank in a LoRA adapter."""
    settings = _adapter_settings(adapter)
    return max([settings["r"], *(settings.get("rank_pattern") or {}).values()])


def _adapter_settings(adapter: str | os.PathLike[str]) -> dict[str, Any]:
    path = Path(adapter) / "adapter_config.json"
    return json.loads(path.read_text(encoding="utf-8"))
