"""Direct preference optimisation on curation's pairs.

The loss, the reference model and the loop are TRL's. Ours is what each side's tokens are:
both come from traces through `spans.py`, stored ids and all, and results, notices and
prompts count on neither side.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..curation.pairs import read_pairs
from .dpo_config import DpoConfig
from .pair_rows import PairReport, PairRow, build_pair_rows
from .result import TrainingResult
from .run import TrainingRun, check_packages, split_rows


def train_dpo(
    pairs: str | os.PathLike[str],
    model: str | os.PathLike[str],
    out: str | os.PathLike[str],
    config: DpoConfig | None = None,
) -> TrainingResult:
    """Train a model on preference pairs; a killed run goes on from its last checkpoint.

    The same call on a finished folder does nothing. The reference is the model that is
    started from; its log-probabilities are computed once, before training, so that only
    one model is in memory.

    Args:
        pairs: a pairs file, or a folder that holds `pairs.jsonl`.
        model: folder of the model to start from, after fine-tuning.
        out: the folder the trained model is to be; absent or empty at first.
        config: the settings; `DpoConfig()` if None.

    Raises:
        MissingDependencyError: a package is not installed.
        PairFileError: the pairs cannot be read.
        RowError: a side cannot become a row.
        TrainingError: the model is no model, or there is nothing to train on.
        BatchSizeError: the batch size does not divide evenly.
        TrainingMismatchError: `out` holds another training run.
    """
    config = config or DpoConfig()
    check_packages(config, "trl", "datasets")
    source = Path(pairs)
    source = source / "pairs.jsonl" if source.is_dir() else source
    run = DpoRun(source, Path(model), Path(out), config)
    return run.finished() or run.train()


class DpoRun(TrainingRun[DpoConfig]):
    """One preference training."""

    curves = ("rewards/accuracies", "rewards/margins", "logps/chosen", "logps/rejected")

    def _check_data(self) -> None:
        if not self._data.is_file():
            next(read_pairs(self._data))

    def _rows(
        self, tokenizer: Any, max_length: int | None
    ) -> tuple[list[PairRow], PairReport]:
        return build_pair_rows(
            read_pairs(self._data),
            tokenizer,
            max_length=max_length,
            too_long=self._config.too_long,
        )

    def _store(self, model: Any) -> None:
        from .policy_weights import dither_model

        dither_model(model)  # at the paper's rate the nearest would be the model before

    def _trainer(
        self, rows: Sequence[PairRow], callbacks: list[Any], tokenizer: Any
    ) -> Any:
        from .attention import check_attention
        from .dpo_trainer import PairTrainer, pair_dataset, preference_arguments
        from .model import load_weights, lora_settings

        weights = load_weights(self._model, self._config)
        check_attention(weights, max(row.longest for row in rows))
        train_rows, held_out = split_rows(rows, self._config)
        arguments = preference_arguments(self._config, train_rows, self._checkpoints)
        return PairTrainer(
            model=weights,
            args=arguments,
            train_dataset=pair_dataset(train_rows),
            eval_dataset=pair_dataset(held_out) if held_out else None,
            processing_class=tokenizer,
            callbacks=callbacks,
            peft_config=lora_settings(self._config),
        )
