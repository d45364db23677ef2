"""A causal model as TRL's trainers ask it, its rows laid end to end.

TRL pads a batch and asks the model for log-probabilities of labelled tokens
(`fused_lm_head=True`). The answer here is the same; on the way the padding is left out, rows
are packed as in fine-tuning, and logits are made where there is a label alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MethodType
from typing import Any

import torch
from transformers.utils.generic import ModelOutput

from .labelled_logits import FIGURES, label_figures, label_logps
from .packing import label_logits, pack_rows
from .rows import IGNORED, TokenRow


@dataclass
class ScoredOutput(ModelOutput):
    """What TRL reads of an answer; each [rows, tokens - 1], 0 where there is no label."""

    log_probs: torch.Tensor | None = None
    """Of each token, given those before; the only one with a gradient."""
    entropy: torch.Tensor | None = None
    mean_logits: torch.Tensor | None = None
    is_top1: torch.Tensor | None = None
    aux_loss: torch.Tensor | None = None
    """Load balancing of a mixture of experts, a scalar, where it was asked for."""


def causal_model(model: Any) -> Any:
    """Return the model under its adapter, or itself."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def add_packed_forward(
    model: Any, temperature: float = 1.0, figures: Sequence[str] = tuple(FIGURES)
) -> None:
    """Make a model answer `fused_lm_head=True` with packed rows, in TRL's answer's place.

    Args:
        model: a causal model with the attention of `attention.py`, under its adapter if it
            has one; any other call is answered as before.
        temperature: what the logits are divided by.
        figures: what is answered beside the log-probabilities, where a call does not say.
    """
    plain = model.forward.__func__  # of whichever model is asked: a copy has its own

    def forward(
        self: Any,
        *arguments: Any,
        fused_lm_head: bool = False,
        figures: Sequence[str] = tuple(figures),
        **named: Any,
    ) -> ModelOutput:
        own = MethodType(plain, self)
        if not fused_lm_head:
            return own(*arguments, **named)
        return _scored(own, temperature, figures, named)

    model.forward = MethodType(forward, model)


def _scored(
    plain: Callable[..., Any],
    temperature: float,
    figures: Sequence[str],
    named: Mapping[str, Any],
) -> ScoredOutput:
    """Return a padded batch's figures, made of a packed one's.

    Args:
        plain: the model.
        temperature: what the logits are divided by.
        figures: what is wanted beside the log-probabilities.
        named: `input_ids`, `attention_mask` and `labels` [rows, tokens]; the label of a
            token stands in its own place.
    """
    ids, labels = named["input_ids"], named["labels"]
    seen = named["attention_mask"].bool()
    batch = pack_rows(_rows(ids, seen, labels), ids.device)
    router = {n: named[n] for n in ("output_router_logits",) if n in named}
    outputs, targets = label_logits(plain, batch | router)
    logits = outputs.logits[0]
    told = label_figures(logits, targets, figures, temperature)
    told["log_probs"] = label_logps(logits, targets, temperature)
    places = (seen & (labels != IGNORED))[:, 1:]
    return ScoredOutput(
        **{name: _spread(values, places) for name, values in told.items()},
        aux_loss=getattr(outputs, "aux_loss", None),
    )


def _rows(ids: torch.Tensor, seen: torch.Tensor, labels: torch.Tensor) -> list[TokenRow]:
    """Return the rows of a padded batch without their padding."""
    rows = zip(ids, labels, seen, strict=True)
    return [TokenRow(i[k].tolist(), wanted[k].tolist(), "") for i, wanted, k in rows]


def _spread(values: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """Put packed values, row after row, where they belong in a padded batch.

    Args:
        values: [labels].
        places: [rows, tokens - 1]; true where there is a value.
    """
    return values.new_zeros(places.shape).masked_scatter(places, values)
