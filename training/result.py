"""What a training run gave, and how a trained model's folder says it."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ..errors import DeepSearchError
from .base_model import is_model_dir

RESULT_FILE = "training.json"
"""What a trained model's folder says of its training."""

VERSIONED = (
    "torch",
    "transformers",
    "accelerate",
    "trl",
    "peft",
    "deepspeed",
    "langgraph-deepsearch",
)
"""Packages whose versions are written down."""


class TrainingError(DeepSearchError):
    """Training cannot start."""


@dataclass(frozen=True)
class TrainingResult:
    """What a training run gave."""

    model: Path
    """The trained model's folder, or the adapter's."""
    parent: str
    data_sha256: str
    tokens: int
    """Tokens read, over all epochs."""
    trained_tokens: int
    """Tokens that carried loss, over all epochs."""
    seconds: float
    """Wall time, over all attempts of a run that was killed and resumed."""
    losses: list[float]
    """Mean loss of each optimizer step."""
    skipped: list[str]
    """Ids of traces that gave no row."""
    config: dict[str, Any] = field(default_factory=dict)
    evaluation_losses: list[float] = field(default_factory=list)
    """Loss on the held-out rows after each epoch."""
    curves: dict[str, list[float]] = field(default_factory=dict)
    """Other figures of each step: rewards, margins, searches."""
    versions: dict[str, str] = field(default_factory=dict)
    resumed: bool = False
    finished_before: bool = False
    """True when the run was there already and nothing was done."""

    def to_json(self) -> dict[str, Any]:
        """Return the result as `training.json` holds it."""
        return {**asdict(self), "model": str(self.model)}

    def __str__(self) -> str:
        if self.finished_before:
            return f"{self.model} is trained already; nothing to do"
        pace = self.tokens / self.seconds if self.seconds else 0.0
        first, last = (self.losses[0], self.losses[-1]) if self.losses else (0.0, 0.0)
        return (
            f"{self.model}: {len(self.losses)} steps, {self.tokens} tokens "
            f"({self.trained_tokens} trained) in {self.seconds:.0f} s, {pace:.0f} tokens/s, "
            f"loss {first:.3f} to {last:.3f}, {len(self.skipped)} traces skipped"
        )


def read_result(model: str | os.PathLike[str]) -> TrainingResult | None:
    """Return how a model was trained, None for one that was not trained here."""
    path = Path(model) / RESULT_FILE
    if not path.is_file() or not is_model_dir(model):
        return None
    values = json.loads(path.read_text(encoding="utf-8"))
    return TrainingResult(**{**values, "model": Path(model)})


def versions() -> dict[str, str]:
    """Return the installed versions of what training rests on."""
    found = {}
    for package in VERSIONED:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
