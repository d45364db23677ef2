"""The trainer: transformers' loop over rows laid end to end, loss only where labels are.

What is ours here is the batch (no padding, no attention or positions across samples) and
the loss (logits are computed at labelled positions alone, the largest cost with a large
vocabulary, and never copied whole in float32). The loop, mixed precision, resume and
DeepSpeed are the libraries'.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import torch
from torch.utils.data import Dataset
from transformers import Trainer

from .labelled_logits import label_loss
from .packing import label_logits, pack_rows
from .rows import TokenRow


class RowDataset(Dataset[TokenRow]):
    """Rows as a torch data set."""

    def __init__(self, rows: Sequence[TokenRow]) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> TokenRow:
        return self._rows[index]


class RowTrainer(Trainer):
    """transformers' Trainer for packed rows."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(data_collator=pack_rows, **arguments)
        # The loss below takes the label count of the whole step, also under PEFT.
        self.model_accepts_loss_kwargs = True

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | float | None = None,
    ) -> Any:
        """Return the mean loss over the labelled tokens of the whole optimizer step."""
        outputs, targets = label_logits(model, inputs)
        loss = label_loss(outputs.logits[0], targets)
        if num_items_in_batch is None:
            loss = loss / max(1, len(targets))
        else:
            # Every process divides by the labels of all, and gradients are then averaged.
            loss = loss / num_items_in_batch * self.accelerator.num_processes
        return (loss, outputs) if return_outputs else loss

    def prediction_step(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Any],
        prediction_loss_only: bool,
        ignore_keys: list[str] | None = None,
    ) -> tuple[torch.Tensor | None, torch.Tensor | None, torch.Tensor | None]:
        """Return one row's part of the mean loss over the split's labels.

        What the trainer makes of these is their mean over rows.
        """
        with torch.no_grad():
            batch = self._prepare_inputs(inputs)
            labels = self._mean_labels * self.accelerator.num_processes
            loss = self.compute_loss(model, batch, num_items_in_batch=labels)
        return loss.detach(), None, None

    @cached_property
    def _mean_labels(self) -> float:
        """Labels of a held-out row, on average."""
        rows = self.eval_dataset
        assert isinstance(rows, RowDataset)
        return sum(rows[i].trained_tokens for i in range(len(rows))) / len(rows)
