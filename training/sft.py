"""Supervised fine-tuning on what the model wrote in its traces.

Covers full and LoRA training on one CPU or GPU, and on several processes under
`torchrun` or `deepspeed`. The output folder holds the trained model, or its LoRA
adapter, with `training.json`: settings, data hash, parent, tokens, losses, versions. It
appears in one step when all is done. While a run is under way its checkpoints lie beside
it, in `<folder>.checkpoints`, so that a killed one goes on.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import warnings
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from ..errors import DeepSearchError, MissingDependencyError
from ..trace import read_traces
from .base_model import is_adapter_dir, is_model_dir
from .config import ConfigError, SftConfig, load_config, parse_config
from .rows import RowReport, TokenRow, build_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .trainer import RowTrainer

__all__ = [
    "ConfigError",
    "SftConfig",
    "TrainingError",
    "TrainingResult",
    "load_config",
    "parse_config",
    "read_result",
    "train_sft",
]

RESULT_FILE = "training.json"
"""What a trained model's folder says of its training."""

CHECKPOINT_SUFFIX = ".checkpoints"
"""What the name of the folder beside it ends with while a run is under way."""

VERSIONED = (
    "torch",
    "transformers",
    "accelerate",
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


def train_sft(
    traces: str | os.PathLike[str],
    model: str | os.PathLike[str],
    out: str | os.PathLike[str],
    config: SftConfig | None = None,
) -> TrainingResult:
    """Fine-tune a model on traces; a killed run goes on from its last checkpoint.

    The same call on a finished folder does nothing.

    Args:
        traces: a trace file, or a run directory.
        model: folder of the model to start from.
        out: the folder the trained model is to be; absent or empty at first.
        config: the settings; the desk run's if None.

    Raises:
        MissingDependencyError: a package is not installed.
        TraceFileError: the traces cannot be read.
        RowError: a trace cannot become a row.
        TrainingError: the model is no model, or there is nothing to train on.
        BatchSizeError: the batch size does not divide evenly.
        TrainingMismatchError: `out` holds another training run.
    """
    config = config or SftConfig()
    _check_packages(config)
    run = _Run(Path(traces), Path(model), Path(out), config)
    return run.finished() or run.train()


def read_result(model: str | os.PathLike[str]) -> TrainingResult | None:
    """Return how a model was trained, None for one that was not trained here."""
    path = Path(model) / RESULT_FILE
    if not path.is_file() or not is_model_dir(model):
        return None
    values = json.loads(path.read_text(encoding="utf-8"))
    return TrainingResult(**{**values, "model": Path(model)})


def _check_packages(config: SftConfig) -> None:
    needed = ["torch", "transformers", "accelerate"]
    needed += ["peft"] if config.lora_rank else []
    needed += ["deepspeed"] if config.deepspeed else []
    for package in needed:
        if find_spec(package) is None:
            raise MissingDependencyError(package, "train")


class _Run:
    """One training run in one folder."""

    def __init__(self, traces: Path, model: Path, out: Path, config: SftConfig) -> None:
        from .checkpoints import file_sha256, model_fingerprint

        self._traces = traces / "traces.jsonl" if traces.is_dir() else traces
        self._model = model
        self._out = out
        self._config = config
        self._console = Console(stderr=True)
        if not is_model_dir(model) or is_adapter_dir(model):
            msg = f"{model} holds no model (config.json and safetensors): check the path"
            raise TrainingError(msg)
        if not self._traces.is_file():
            next(read_traces(self._traces))  # raises the reader's own message
        self._manifest = {
            "data_sha256": file_sha256(self._traces),
            "parent": f"{model.name}@{model_fingerprint(model)}",
            "config": config.to_json(),
        }

    @property
    def _checkpoints(self) -> Path:
        return self._out.with_name(self._out.name + CHECKPOINT_SUFFIX)

    def finished(self) -> TrainingResult | None:
        """Return the result when the run was finished before."""
        from dataclasses import replace

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
        compare(result.to_json(), self._manifest, self._out)
        return replace(result, finished_before=True)

    def train(self) -> TrainingResult:
        """Train, or go on training."""
        from .checkpoints import (
            MarkWhole,
            check_manifest,
            last_whole_checkpoint,
            seconds_spent,
        )

        with _quiet(), _environment(self._config):
            rows, report = self._rows()
            if _is_main():
                check_manifest(self._checkpoints, self._manifest)
            found = last_whole_checkpoint(self._checkpoints) if _is_main() else None
            marker = MarkWhole(seconds_spent(found))
            trainer, progress = self._trainer(rows, marker)
            resume = _agree(found, self._checkpoints)
            if resume is not None and _is_main():
                self._say(f"resuming from {resume.name}")
            try:
                trainer.train(resume_from_checkpoint=str(resume) if resume else None)
            finally:
                progress.close()
            return self._finish(trainer, report, marker.seconds, resume)

    def _say(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False)

    def _rows(self) -> tuple[list[TokenRow], RowReport]:
        from transformers import AutoConfig, AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(self._model)
        context = getattr(
            AutoConfig.from_pretrained(self._model), "max_position_embeddings", None
        )
        limits = [n for n in (self._config.max_length, context) if n is not None]
        rows, report = build_rows(
            read_traces(self._traces),
            tokenizer,
            max_length=min(limits, default=None),
            too_long=self._config.too_long,
        )
        if _is_main():
            for line in report.lines():
                self._say(line)
        if not rows:
            msg = f"{self._traces} gives nothing to train on ({report.lines()[-1]})"
            raise TrainingError(msg)
        return rows, report

    def _trainer(self, rows: list[TokenRow], marker: Any) -> tuple[RowTrainer, Any]:
        from transformers import PrinterCallback, ProgressCallback

        from .arguments import training_arguments
        from .model import load_for_training
        from .progress import ProgressReport
        from .trainer import RowDataset, RowTrainer

        train_rows, held_out = _split(rows, self._config)
        # DeepSpeed's settings must stand before the model is made, so that ZeRO-3 can
        # cut it up while it loads.
        arguments = training_arguments(self._config, train_rows, self._checkpoints)
        progress = ProgressReport(self._console)
        trainer = RowTrainer(
            model=load_for_training(self._model, self._config),
            args=arguments,
            train_dataset=RowDataset(train_rows),
            eval_dataset=RowDataset(held_out) if held_out else None,
            callbacks=[progress, marker],
        )
        trainer.remove_callback(PrinterCallback)
        trainer.remove_callback(ProgressCallback)
        return trainer, progress

    def _finish(
        self, trainer: RowTrainer, report: RowReport, seconds: float, resume: Path | None
    ) -> TrainingResult:
        history = trainer.state.log_history
        result = TrainingResult(
            model=self._out,
            parent=str(self._manifest["parent"]),
            data_sha256=str(self._manifest["data_sha256"]),
            tokens=round(report.tokens * self._config.epochs),
            trained_tokens=round(report.trained_tokens * self._config.epochs),
            seconds=round(seconds, 3),
            losses=[round(entry["loss"], 6) for entry in history if "loss" in entry],
            skipped=report.skipped,
            config=self._config.to_json(),
            evaluation_losses=[
                round(e["eval_loss"], 6) for e in history if "eval_loss" in e
            ],
            versions=_versions(),
            resumed=resume is not None,
        )
        self._save(trainer, result)
        return result

    def _save(self, trainer: RowTrainer, result: TrainingResult) -> None:
        import torch
        from transformers import AutoTokenizer

        from .checkpoints import publish, write_json

        partial = self._checkpoints / "finished"
        if _is_main():
            shutil.rmtree(partial, ignore_errors=True)
        if not self._config.deepspeed and self._config.dtype == "mixed":
            # The float32 master weights have done their work.
            torch.nn.Module.to(_model_of(trainer), torch.bfloat16)
        trainer.save_model(str(partial))  # every process takes part under ZeRO-3
        if _is_main():
            AutoTokenizer.from_pretrained(self._model).save_pretrained(partial)
            (partial / "training_args.bin").unlink(missing_ok=True)
            write_json(partial / RESULT_FILE, result.to_json())
            publish(partial, self._out)
            shutil.rmtree(self._checkpoints)


def _model_of(trainer: RowTrainer) -> Any:
    assert trainer.model is not None
    return trainer.model


def _split(
    rows: list[TokenRow], config: SftConfig
) -> tuple[Sequence[TokenRow], Sequence[TokenRow]]:
    held_out = round(len(rows) * config.evaluation_fraction)
    if not held_out:
        return rows, []
    order = random.Random(config.seed).sample(rows, len(rows))
    return order[held_out:], order[:held_out]


def _is_main() -> bool:
    return int(os.environ.get("RANK", "0")) == 0


def _agree(resume: Path | None, checkpoints: Path) -> Path | None:
    """Make every process resume from what the first one found."""
    import torch.distributed as dist

    if not dist.is_available() or not dist.is_initialized() or dist.get_world_size() == 1:
        return resume
    names = [resume.name if resume else ""]
    dist.broadcast_object_list(names)
    return checkpoints / names[0] if names[0] else None


@contextmanager
def _environment(config: SftConfig) -> Iterator[None]:
    """Set threads, and what DeepSpeed wants to find in the environment, for one run."""
    import torch

    from .arguments import has_cuda

    before = torch.get_num_threads()
    processes = int(os.environ.get("LOCAL_WORLD_SIZE", os.environ.get("WORLD_SIZE", "1")))
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else before
    torch.set_num_threads(config.threads or max(1, cores // processes))
    if not has_cuda():
        # DeepSpeed is looked at by the libraries even where it is not used.
        os.environ.setdefault("DS_ACCELERATOR", "cpu")
    added = _distributed_environment(config)
    try:
        yield
    finally:
        torch.set_num_threads(before)
        for name in added:
            os.environ.pop(name, None)


def _distributed_environment(config: SftConfig) -> list[str]:
    if not config.deepspeed:
        return []
    from .arguments import has_cuda
    from .serve import free_port

    wanted = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    wanted |= {"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0"}
    added = [name for name in wanted if name not in os.environ]
    os.environ.update({name: wanted[name] for name in added})
    if not has_cuda():
        import deepspeed

        # Before the training arguments are made, or DeepSpeed looks for another backend.
        deepspeed.init_distributed(dist_backend="gloo", verbose=False)
    return added


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the libraries' chatter while we report progress ourselves."""
    import logging

    from transformers.utils import logging as library

    verbosity = library.get_verbosity()
    library.set_verbosity_error()
    library.disable_progress_bar()
    noisy = [logging.getLogger(name) for name in ("DeepSpeed", "accelerate", "torch")]
    levels = [logger.level for logger in noisy]
    for logger in noisy:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            # Deprecations between the libraries are not the user's to mend.
            warnings.simplefilter("ignore", FutureWarning)
            yield
    finally:
        library.set_verbosity(verbosity)
        library.enable_progress_bar()
        for logger, level in zip(noisy, levels, strict=True):
            logger.setLevel(level)


def _versions() -> dict[str, str]:
    found = {}
    for package in VERSIONED:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
