"""One training run in one folder, whatever the method: safe to kill, never half-done.

The output folder holds the trained model, or its LoRA adapter, with `training.json`:
settings, data hash, parent, tokens, losses, versions. It appears in one step when all is
done. While a run is under way its checkpoints lie beside it, in `<folder>.checkpoints`,
so that a killed one goes on.
"""

from __future__ import annotations

import random
import shutil
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar

from rich.console import Console

from ..errors import MissingDependencyError
from .base_model import is_adapter_dir, is_model_dir
from .config import Config, TrainingConfig
from .environment import agree, environment, is_main, quiet
from .freed_memory import give_back_memory
from .result import RESULT_FILE, TrainingError, TrainingResult, read_result, versions
from .tokenizer import load_tokenizer

if TYPE_CHECKING:
    from transformers import Trainer

CHECKPOINT_SUFFIX = ".checkpoints"
"""What the name of the folder beside it ends with while a run is under way."""


class Report(Protocol):
    """What became of the data."""

    tokens: int
    trained_tokens: int

    @property
    def skipped(self) -> list[str]:
        """Ids of what gave no row."""
        ...

    def lines(self) -> list[str]:
        """Return what a person should know, one line a matter."""
        ...


@dataclass
class Spent:
    """Tokens that a run trained on, over all epochs."""

    tokens: int = 0
    trained_tokens: int = 0


def check_packages(config: TrainingConfig, *others: str) -> None:
    """Refuse to start without a package that the settings need.

    Raises:
        MissingDependencyError: one is not installed.
    """
    needed = ["torch", "transformers", "accelerate", *others]
    needed += ["peft"] if config.lora_rank else []
    needed += ["deepspeed"] if config.deepspeed else []
    for package in needed:
        if find_spec(package) is None:
            raise MissingDependencyError(package, "train")


class TrainingRun(ABC, Generic[Config]):
    """A run; each method of training says how data becomes a trainer."""

    curves: ClassVar[Sequence[str]] = ()
    """Names of figures in the trainer's log that are kept step by step."""

    def __init__(self, data: Path, model: Path, out: Path, config: Config) -> None:
        from .fingerprint import model_fingerprint

        self._data = data
        self._model = model
        self._out = out
        self._config = config
        self._console = Console(stderr=True)
        if not is_model_dir(model) or is_adapter_dir(model):
            msg = f"{model} holds no model (config.json and safetensors): check the path"
            raise TrainingError(msg)
        self._check_data()
        self._manifest: dict[str, Any] = {
            "data_sha256": self._data_hash(),
            "parent": f"{model.name}@{model_fingerprint(model)}",
            "config": config.to_json(),
        }

    @abstractmethod
    def _check_data(self) -> None:
        """Raise the reader's own message when the data file is absent."""

    def _data_hash(self) -> str:
        """Return the SHA-256 of all that is trained on."""
        from .checkpoints import file_sha256

        return file_sha256(self._data)

    @abstractmethod
    def _rows(self, tokenizer: Any, max_length: int | None) -> tuple[Sequence[Any], Report]:
        """Return what is trained on, and what became of the data."""

    @abstractmethod
    def _trainer(
        self, rows: Sequence[Any], callbacks: list[Any], tokenizer: Any
    ) -> Trainer:
        """Return a trainer over the rows."""

    @property
    def _checkpoints(self) -> Path:
        return self._out.with_name(self._out.name + CHECKPOINT_SUFFIX)

    def finished(self) -> TrainingResult | None:
        """Return the result when the run was finished before."""
        from .checkpoints import compare

        result = read_result(self._out)
        if result is None:
            if self._out.exists() and (not self._out.is_dir() or any(self._out.iterdir())):
                msg = (
                    f"{self._out} is there and no model of ours; choose a new folder, "
                    f"for instance {self._out / 'model'}"
                )
                raise TrainingError(msg)
            return None
        compare(result.to_json(), self._manifest, self._out, type(self._config).defaults())
        return replace(result, finished_before=True)

    def train(self) -> TrainingResult:
        """Train, or go on training."""
        try:
            return self._train()
        finally:
            give_back_memory()

    def _train(self) -> TrainingResult:
        from .checkpoints import (
            MarkWhole,
            check_manifest,
            last_whole_checkpoint,
            seconds_spent,
            write_manifest,
        )

        with quiet(), environment(self._config):
            tokenizer, rows, report = self._read()
            if is_main():
                check_manifest(
                    self._checkpoints, self._manifest, type(self._config).defaults()
                )
            found = last_whole_checkpoint(self._checkpoints) if is_main() else None
            marker = MarkWhole(seconds_spent(found))
            trainer, progress = self._prepared(rows, marker, tokenizer)
            if is_main():
                # Not before: what cannot start must not bar the corrected command.
                write_manifest(self._checkpoints, self._manifest)
            resume = agree(found, self._checkpoints)
            if resume is not None and is_main():
                self._say(f"resuming from {resume.name}")
            self._resume(resume)
            try:
                trainer.train(resume_from_checkpoint=str(resume) if resume else None)
            finally:
                progress.close()
            return self._finish(trainer, rows, report, marker.seconds, resume)

    def _resume(self, checkpoint: Path | None) -> None:
        """Bring back what the run itself keeps beside the trainer's state."""

    def _say(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False)

    def _read(self) -> tuple[Any, Sequence[Any], Report]:
        from transformers import AutoConfig

        tokenizer = load_tokenizer(self._model)
        context = getattr(
            AutoConfig.from_pretrained(self._model), "max_position_embeddings", None
        )
        rows, report = self._rows(tokenizer, self._config.length_limit(context))
        if is_main():
            self._say(f"training on {self._data}")
            for line in report.lines():
                self._say(line)
        if not rows:
            msg = f"{self._data} gives nothing to train on ({report.lines()[-1]})"
            raise TrainingError(msg)
        return tokenizer, rows, report

    def _prepared(
        self, rows: Sequence[Any], marker: Any, tokenizer: Any
    ) -> tuple[Trainer, Any]:
        from transformers import PrinterCallback, ProgressCallback

        from .progress import ProgressReport

        progress = ProgressReport(self._console)
        trainer = self._trainer(rows, [progress, marker], tokenizer)
        trainer.remove_callback(PrinterCallback)
        trainer.remove_callback(ProgressCallback)
        return trainer, progress

    def _spent(self, rows: Sequence[Any]) -> Spent:
        """Return the tokens of the whole run; those held out are not trained on."""
        trained_on, _ = split_rows(rows, self._config)
        epochs = self._config.epochs
        return Spent(
            round(sum(row.tokens for row in trained_on) * epochs),
            round(sum(row.trained_tokens for row in trained_on) * epochs),
        )

    def _finish(
        self,
        trainer: Trainer,
        rows: Sequence[Any],
        report: Report,
        seconds: float,
        resume: Path | None,
    ) -> TrainingResult:
        history = trainer.state.log_history
        spent = self._spent(rows)
        result = TrainingResult(
            model=self._out,
            parent=str(self._manifest["parent"]),
            data_sha256=str(self._manifest["data_sha256"]),
            tokens=spent.tokens,
            trained_tokens=spent.trained_tokens,
            seconds=round(seconds, 3),
            losses=_curve(history, "loss"),
            skipped=report.skipped,
            config=dict(self._manifest["config"]),
            evaluation_losses=_curve(history, "eval_loss"),
            curves={name: _curve(history, name) for name in self.curves},
            versions=versions(),
            resumed=resume is not None,
        )
        self._save(trainer, result)
        return result

    def _store(self, model: Any) -> None:
        """Turn the trained model into the precision it is stored in."""
        import torch

        torch.nn.Module.to(model, torch.bfloat16)

    def _save(self, trainer: Trainer, result: TrainingResult) -> None:
        from .checkpoints import publish, write_json

        partial = self._checkpoints / "finished"
        if is_main():
            shutil.rmtree(partial, ignore_errors=True)
        assert trainer.model is not None
        if not self._config.deepspeed and self._config.dtype == "mixed":
            self._store(trainer.model)  # the float32 master weights have done their work
        trainer.save_model(str(partial))  # every process takes part under ZeRO-3
        if is_main():
            load_tokenizer(self._model).save_pretrained(partial)
            (partial / "training_args.bin").unlink(missing_ok=True)
            write_json(partial / RESULT_FILE, result.to_json())
            publish(partial, self._out)
            shutil.rmtree(self._checkpoints)


class Grouped(Protocol):
    """A row that knows what it may not be parted from."""

    @property
    def group(self) -> str:
        """What is held out together."""
        ...


Row = TypeVar("Row", bound=Grouped)


def split_rows(
    rows: Sequence[Row], config: TrainingConfig
) -> tuple[Sequence[Row], Sequence[Row]]:
    """Return the rows to train on and those held out; the same for the same seed.

    The share is one of questions: all rows of a question are on one side, or a model would
    be measured on what it was trained on.

    Raises:
        TrainingError: there are too few questions for the share that is to be held out.
    """
    if not config.evaluation_fraction:
        return rows, []
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.group, []).append(row)
    held_out = round(len(groups) * config.evaluation_fraction)
    if not 0 < held_out < len(groups):
        msg = (
            f"evaluation_fraction {config.evaluation_fraction} of {len(groups)} questions "
            f"holds out {'all' if held_out else 'none'}; set another share, or 0"
        )
        raise TrainingError(msg)
    order = random.Random(config.seed).sample(list(groups), len(groups))
    kept, measured = (
        [row for name in names for row in groups[name]]
        for names in (order[held_out:], order[:held_out])
    )
    return kept, measured


def _curve(history: Sequence[dict[str, Any]], name: str) -> list[float]:
    return [round(entry[name], 6) for entry in history if entry.get(name) is not None]
