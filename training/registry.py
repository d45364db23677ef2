"""The registry of trained models: what each was trained on, and which one is current.

One file, `models.json`, in a run directory. Every training under a name is a new
version; earlier ones stay, so one can go back.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import DeepSearchError
from ..run_lock import lock_file
from .fingerprint import model_fingerprint

if TYPE_CHECKING:
    from rich.table import Table

REGISTRY_FILE = "models.json"
"""Name of the file in the run directory."""

VERSION_MARK = "@"
"""Stands between a model's name and its version: `deepsearch-desk@2`."""


class RegistryError(DeepSearchError):
    """The registry is damaged, or has no such model."""


@dataclass(frozen=True)
class RegisteredModel:
    """One version of a trained model."""

    name: str
    version: int
    path: str
    """Absolute, or relative to the registry's folder when it lies in it."""
    parent: str = ""
    """Name or fingerprint of the model it was trained from."""
    data_sha256: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    """Figures of its evaluation and of its training."""
    created: str = ""
    """ISO 8601, UTC."""
    fingerprint: str = ""
    """Of its files when it was added; empty in a registry from before there was one."""

    @property
    def key(self) -> str:
        """Name and version, `name@version`."""
        return f"{self.name}{VERSION_MARK}{self.version}"


class ModelRegistry:
    """The trained models of a run directory.

    Args:
        directory: the folder that holds, or will hold, `models.json`.
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self._dir = Path(directory)
        self._path = self._dir / REGISTRY_FILE

    def models(self) -> list[RegisteredModel]:
        """Return every version of every model, oldest first."""
        return self._read()[0]

    def current(self) -> RegisteredModel | None:
        """Return the model in use, None while there is none."""
        models, current = self._read()
        return next((model for model in models if model.key == current), None)

    def get(self, key: str) -> RegisteredModel:
        """Return a model by `name@version`, or the newest of a name.

        Raises:
            RegistryError: there is none.
        """
        return _find(self.models(), key, self._path)

    def path(self, model: RegisteredModel) -> Path:
        """Return where a model's files are."""
        return self._dir / model.path

    def has_files(self, model: RegisteredModel) -> bool:
        """Tell whether a model's files are there, and not another's in their place."""
        path = self.path(model)
        if not path.is_dir():
            return False
        return not model.fingerprint or model.fingerprint == model_fingerprint(path)

    def check_files(self, model: RegisteredModel) -> None:
        """Refuse a model whose files are not its own any more.

        Raises:
            RegistryError: they are gone, or another model's are in their place.
        """
        if self.has_files(model):
            return
        path = self.path(model)
        if not path.is_dir():
            msg = f"the files of {model.key} are gone from {path}"
            raise RegistryError(msg)
        msg = (
            f"another model lies in {path}, where {model.key} was: choose another version, "
            "or train it again into a folder of its own"
        )
        raise RegistryError(msg)

    def add(
        self,
        name: str,
        path: str | os.PathLike[str],
        *,
        parent: str = "",
        training: Mapping[str, Any] | None = None,
        metrics: Mapping[str, float] | None = None,
    ) -> RegisteredModel:
        """Add a model as the newest version of its name and make it current.

        Adding the same model again (a resumed run does) changes nothing but its metrics.

        Args:
            name: the name it is served under.
            path: its folder.
            parent: what it was trained from; taken from `training` if empty.
            training: what `TrainingResult.to_json` gives.
            metrics: figures of its evaluation.
        """
        if not name or VERSION_MARK in name:
            msg = f"{name!r} is no model name: it must not be empty or hold {VERSION_MARK}"
            raise RegistryError(msg)
        training = dict(training or {})
        with self._changing() as (models, state):
            model = RegisteredModel(
                name=name,
                version=1 + max((m.version for m in models if m.name == name), default=0),
                path=self._relative(Path(path)),
                parent=parent or str(training.get("parent", "")),
                data_sha256=str(training.get("data_sha256", "")),
                config=dict(training.get("config") or {}),
                metrics={**_training_figures(training), **(metrics or {})},
                created=datetime.now(UTC).isoformat(timespec="seconds"),
                fingerprint=model_fingerprint(Path(path)),
            )
            same = next((m for m in models if _is_same(m, model)), None)
            if same is not None:
                merged = {**same.metrics, **model.metrics}
                model = replace(same, metrics=merged, fingerprint=model.fingerprint)
                models[models.index(same)] = model
            else:
                models.append(model)
            state["current"] = model.key
        return model

    def record(self, key: str, metrics: Mapping[str, float]) -> None:
        """Add figures to a model, for instance those of an evaluation."""
        with self._changing() as (models, _):
            model = _find(models, key, self._path)
            merged = replace(model, metrics={**model.metrics, **metrics})
            models[models.index(model)] = merged

    def use(self, key: str) -> RegisteredModel:
        """Make a model the current one, for instance an earlier version.

        Raises:
            RegistryError: there is none, or its files are gone or were replaced.
        """
        with self._changing() as (models, state):
            model = _find(models, key, self._path)
            self.check_files(model)
            state["current"] = model.key
        return model

    def to_json(self) -> dict[str, Any]:
        """Return the registry as its file holds it."""
        models, current = self._read()
        return {"current": current, "models": [asdict(model) for model in models]}

    def table(self) -> Table:
        """Return the models as a table: the current one marked, and those that are gone."""
        from rich.table import Table

        models, current = self._read()
        table = Table("", "model", "parent", "data", "loss", "f1", "created", "path")
        for model in models:
            table.add_row(
                "→" if model.key == current else "",
                model.key,
                model.parent,
                model.data_sha256[:8],
                _figure(model.metrics, "loss"),
                _figure(model.metrics, "f1"),
                model.created,
                model.path if self.has_files(model) else f"{model.path} (gone)",
            )
        return table

    def _relative(self, path: Path) -> str:
        folder, target = self._dir.absolute(), path.absolute()
        return str(target.relative_to(folder) if target.is_relative_to(folder) else target)

    def _read(self) -> tuple[list[RegisteredModel], str]:
        if not self._path.is_file():
            return [], ""
        try:
            values = json.loads(self._path.read_text(encoding="utf-8"))
            return [RegisteredModel(**m) for m in values["models"]], values["current"]
        except (ValueError, KeyError, TypeError) as error:
            msg = f"{self._path} is no model registry ({error}); repair or remove it"
            raise RegistryError(msg) from error

    @contextmanager
    def _changing(self) -> Iterator[tuple[list[RegisteredModel], dict[str, str]]]:
        """Read, let the caller change, and write in one step, one process at a time."""
        from .checkpoints import write_json

        self._dir.mkdir(parents=True, exist_ok=True)
        with _locked(self._dir / f".{REGISTRY_FILE}.lock"):
            models, current = self._read()
            state = {"current": current}
            yield models, state
            write_json(self._path, {**state, "models": [asdict(m) for m in models]})


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        lock_file(file.fileno())
        yield


def _find(models: list[RegisteredModel], key: str, path: Path) -> RegisteredModel:
    found = [model for model in models if key in (model.key, model.name)]
    if not found:
        known = ", ".join(model.key for model in models) or "none"
        msg = f"no model {key!r} in {path}; known: {known}"
        raise RegistryError(msg)
    return found[-1]


def _is_same(old: RegisteredModel, new: RegisteredModel) -> bool:
    def what(model: RegisteredModel) -> tuple[Any, ...]:
        return model.name, model.path, model.parent, model.data_sha256, model.config

    return what(old) == what(new) and old.fingerprint in ("", new.fingerprint)


def _training_figures(training: Mapping[str, Any]) -> dict[str, float]:
    figures = {
        k: training[k] for k in ("tokens", "trained_tokens", "seconds") if k in training
    }
    losses = training.get("losses") or []
    return {**figures, "loss": losses[-1]} if losses else figures


def _figure(metrics: Mapping[str, float], name: str) -> str:
    value = metrics.get(name, "")
    # The file may be edited by hand: what is no number is shown as it is.
    return f"{value:.3f}" if isinstance(value, int | float) else str(value)
