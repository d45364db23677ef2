"""TRL's preference trainer over our rows: its loss, our masks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from shutil import rmtree
from typing import Any

import torch
from datasets import Dataset
from torch.nn.utils.rnn import pad_sequence
from trl.trainer.dpo_config import DPOConfig as TrlConfig
from trl.trainer.dpo_trainer import DPOTrainer

from .arguments import argument_values
from .dpo_config import DpoConfig
from .environment import is_main, meet
from .packed_forward import add_packed_forward, causal_model
from .pair_rows import PairRow
from .rows import IGNORED, TokenRow

SIDES = ("chosen", "rejected")

REFERENCES = ("ref_chosen_logps", "ref_rejected_logps")
"""What TRL calls the reference model's log-probabilities of the two sides."""


def pair_dataset(rows: Sequence[PairRow]) -> Dataset:
    """Return rows as a data set: ids and a mask of what counts, for both sides."""
    columns: dict[str, list[list[int]]] = {}
    for side in SIDES:
        sides: list[TokenRow] = [getattr(row, side) for row in rows]
        columns[f"{side}_ids"] = [row.input_ids for row in sides]
        columns[f"{side}_mask"] = [
            [int(label != IGNORED) for label in row.labels] for row in sides
        ]
    return Dataset.from_dict(columns)


class PairCollator:
    """Pads pairs into the batch that TRL's loss takes: all chosen, then all rejected."""

    def __init__(self, pad_token_id: int) -> None:
        self._pad = pad_token_id

    def __call__(self, examples: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
        """Return `input_ids`, `attention_mask` and `completion_mask`, [2 pairs, tokens].

        The completion mask is 1 on what the model wrote and 0 on prompts, results,
        notices and padding. The reference's sums are passed on where they are there.
        """
        ids = [torch.tensor(e[f"{side}_ids"]) for side in SIDES for e in examples]
        masks = [torch.tensor(e[f"{side}_mask"]) for side in SIDES for e in examples]
        batch = {
            "input_ids": pad_sequence(ids, batch_first=True, padding_value=self._pad),
            "attention_mask": pad_sequence([torch.ones_like(i) for i in ids], True),
            "completion_mask": pad_sequence(masks, batch_first=True),
        }
        for name in REFERENCES:
            if name in examples[0]:
                batch[name] = torch.tensor([example[name] for example in examples])
        return batch


class PairTrainer(DPOTrainer):
    """TRL's DPOTrainer for rows that are tokens already."""

    def __init__(self, *, processing_class: Any, **arguments: Any) -> None:
        if processing_class.pad_token is None:
            processing_class.pad_token = processing_class.eos_token
        self._packs = False
        super().__init__(
            processing_class=processing_class,
            data_collator=PairCollator(processing_class.pad_token_id),
            **arguments,
        )
        self._pack()

    def _pack(self) -> None:
        if not self._packs:
            add_packed_forward(causal_model(self.accelerator.unwrap_model(self.model)))
            self._packs = True

    def _precompute_ref_logps(
        self, dataset: Dataset, name: str, batch_size: int
    ) -> Dataset:
        """Return the data set with the reference's sums, the same in every process.

        TRL's main process hands them on in a file beside the data set's own. One in memory
        has none, and each process would look in a folder of its own.
        """
        path = Path(str(self.args.output_dir)) / "reference" / name
        if is_main():
            rmtree(path, ignore_errors=True)
            dataset.save_to_disk(str(path))
        meet()
        with_files = Dataset.load_from_disk(str(path))
        return super()._precompute_ref_logps(with_files, name, batch_size)

    def compute_ref_log_probs(self, model: Any, inputs: dict[str, Any]) -> Any:
        """Return the reference's sums of both sides; TRL asks while it is being made."""
        self._pack()
        return super().compute_ref_log_probs(model, inputs)

    def _prepare_inputs(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """Return a batch on its device, the reference's sums in float32 as they are.

        Under DeepSpeed the trainer turns all that is no integer into the weights' type: in
        bfloat16 a sum of -550 is off by one or two, which beta makes a tenth of the margin.
        """
        prepared = super()._prepare_inputs(inputs)
        for name in REFERENCES:
            if name in inputs:
                prepared[name] = inputs[name].to(prepared[name].device)
        return prepared

    def _prepare_dataset(self, dataset: Dataset, *_: Any, **__: Any) -> Dataset:
        """Return the data set as it is: TRL would tokenise texts here."""
        return dataset


def preference_arguments(
    config: DpoConfig, rows: Sequence[PairRow], checkpoints: Path
) -> TrlConfig:
    """Return TRL's arguments for our settings.

    Raises:
        BatchSizeError: the batch size does not divide evenly.
    """
    tokens = sum(len(r.chosen.input_ids) + len(r.rejected.input_ids) for r in rows)
    values = argument_values(config, len(rows), tokens / len(rows), checkpoints)
    return TrlConfig(
        **values,
        beta=config.beta,
        loss_type=["sigmoid"],
        max_length=None,  # too long pairs were dealt with, and named, before
        precompute_ref_log_probs=True,
    )
