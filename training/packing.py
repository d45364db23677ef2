"""Rows laid end to end as one sequence: no padding, no attention or positions across rows.

Logits are computed at labelled positions alone, the largest cost with a large vocabulary.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from .rows import IGNORED, TokenRow


def pack_rows(
    rows: Sequence[TokenRow], device: torch.device | None = None
) -> dict[str, Any]:
    """Lay rows end to end as one sequence that attention and positions keep apart.

    Args:
        rows: at least one.
        device: where the tensors are to be.

    Returns:
        `input_ids` and `position_ids` [1, tokens]; positions restart with each row.
        `logits_to_keep` [labels]: positions whose next token carries loss.
        `shift_labels` and `labels` [1, labels]: those tokens.
        `cu_seq_lens_q`, `cu_seq_lens_k` [rows + 1], `max_length_q`, `max_length_k`:
        the boundaries, as variable-length attention takes them.
    """
    lengths = [len(row.input_ids) for row in rows]
    bounds = torch.tensor([0, *lengths]).cumsum(0, dtype=torch.int32)
    labels = torch.tensor([label for row in rows for label in [*row.labels[1:], IGNORED]])
    kept = (labels != IGNORED).nonzero()[:, 0]
    targets = labels[kept][None]
    packed = {
        "input_ids": torch.tensor([[i for row in rows for i in row.input_ids]]),
        "position_ids": torch.tensor([[p for n in lengths for p in range(n)]]),
        "logits_to_keep": kept,
        "labels": targets,
        "shift_labels": targets,
        "cu_seq_lens_q": bounds,
        "cu_seq_lens_k": bounds,
    }
    there = {name: tensor.to(device) for name, tensor in packed.items()}
    return {**there, "max_length_q": max(lengths), "max_length_k": max(lengths)}


def label_logits(model: Any, batch: Mapping[str, Any]) -> tuple[Any, torch.Tensor]:
    """Run a model on packed rows.

    Args:
        model: a causal model with the attention of `attention.py`.
        batch: from `pack_rows`.

    Returns:
        The model's outputs, logits [1, labels, vocabulary], and the targets [labels].
    """
    given = {name: value for name, value in batch.items() if "labels" not in name}
    return model(**given, use_cache=False), batch["labels"][0]
