"""Supervised fine-tuning on what the model wrote in its traces, or on chats.

Covers full and LoRA training on one CPU or GPU, and on several processes under
`torchrun` or `deepspeed`; other data can be mixed in at a stated ratio. What the output
folder holds, and how a killed run goes on: `run.py`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..trace import read_traces
from .config import ConfigError, SftConfig, load_config, parse_config
from .result import TrainingError, TrainingResult, read_result
from .rows import RowReport, TokenRow
from .run import TrainingRun, check_packages, split_rows
from .sft_data import training_file, training_rows

if TYPE_CHECKING:
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


def train_sft(
    traces: str | os.PathLike[str],
    model: str | os.PathLike[str],
    out: str | os.PathLike[str],
    config: SftConfig | None = None,
) -> TrainingResult:
    """Fine-tune a model on traces; a killed run goes on from its last checkpoint.

    The same call on a finished folder does nothing.

    Args:
        traces: a trace file, a file of chats (`messages`), or a run directory: its
            `curated.jsonl`, or all traces where nothing was curated.
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
    check_packages(config)
    source = training_file(Path(traces))
    run = SftRun(source, Path(model), Path(out), config)
    return run.finished() or run.train()


class SftRun(TrainingRun[SftConfig]):
    """One fine-tuning."""

    def _check_data(self) -> None:
        if not self._data.is_file():
            next(read_traces(self._data))
        other = self._config.other_data
        if other and not Path(other).is_file():
            msg = f"no file of other data at {other}: correct other_data"
            raise TrainingError(msg)

    def _data_hash(self) -> str:
        from .checkpoints import file_sha256

        other = self._config.other_data
        own = super()._data_hash()
        if not other:
            return own
        return sha256(f"{own} {file_sha256(Path(other))}".encode()).hexdigest()

    def _rows(
        self, tokenizer: Any, max_length: int | None
    ) -> tuple[list[TokenRow], RowReport]:
        return training_rows(self._data, tokenizer, self._config, max_length=max_length)

    def _trainer(
        self, rows: Sequence[TokenRow], callbacks: list[Any], tokenizer: Any
    ) -> RowTrainer:
        trained_on, held_out = split_rows(rows, self._config)
        return row_trainer(
            self._model,
            self._config,
            trained_on,
            self._checkpoints,
            held_out=held_out,
            callbacks=callbacks,
        )


def row_trainer(
    model: Path,
    config: SftConfig,
    rows: Sequence[TokenRow],
    checkpoints: Path,
    *,
    held_out: Sequence[TokenRow] = (),
    callbacks: Sequence[Any] = (),
) -> RowTrainer:
    """Return the trainer of a fine-tuning, model and optimizer included.

    Args:
        model: folder of the model to start from.
        config: the settings.
        rows: what is trained on.
        checkpoints: folder of the checkpoints.
        held_out: rows whose loss is measured.
        callbacks: the trainer's.

    Raises:
        AttentionError: the model attends in a way that training does not compute.
        BatchSizeError: the batch size does not divide evenly.
    """
    from .arguments import training_arguments
    from .attention import check_attention
    from .master_weights import MasterAdamW, keeps_copies
    from .model import load_for_training
    from .trainer import RowDataset, RowTrainer

    optimizer = None
    # DeepSpeed's settings must stand before the model is made, so that ZeRO-3 can cut it
    # up while it loads.
    arguments = training_arguments(config, rows, checkpoints)
    if keeps_copies(config, arguments.gradient_accumulation_steps):
        config = replace(config, dtype="bfloat16")
        arguments = training_arguments(config, rows, checkpoints)
        optimizer = (
            MasterAdamW,
            {
                "lr": config.learning_rate,
                "betas": (arguments.adam_beta1, config.adam_beta2),
            },
        )
    loaded = load_for_training(model, config)
    check_attention(loaded, max(row.tokens for row in (*rows, *held_out)))
    return RowTrainer(
        model=loaded,
        args=arguments,
        optimizer_cls_and_kwargs=optimizer,
        train_dataset=RowDataset(rows),
        eval_dataset=RowDataset(held_out) if held_out else None,
        callbacks=list(callbacks),
    )
