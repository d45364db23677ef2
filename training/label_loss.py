"""What is wanted of the logits at labelled positions, without float32 copies of all of them.

A vocabulary is wide: the usual cross entropy keeps the logits in float32, their
log-softmax and its gradient, five times the logits' own memory in bfloat16. Here they are
turned into float32 a few rows at a time, forward and backward.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

ROWS = 64
"""Labels at once: 64 of 49,152 words are 12.6 MB in float32, about a core's cache."""


class _LabelLogps(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        found, normalizers = [], []
        for rows, wanted in zip(logits.split(ROWS), targets.split(ROWS), strict=True):
            exact = rows.float()
            normalizer = exact.logsumexp(-1)
            found.append(exact.gather(-1, wanted[:, None])[:, 0] - normalizer)
            normalizers.append(normalizer)
        ctx.save_for_backward(logits, targets, torch.cat(normalizers))
        return torch.cat(found)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None]:
        logits, targets, normalizers = ctx.saved_tensors
        (outer,) = gradients
        result = torch.empty_like(logits)
        for start in range(0, len(targets), ROWS):
            part = slice(start, start + ROWS)
            share = (logits[part].float() - normalizers[part, None]).exp_()
            ones = torch.full_like(targets[part, None], -1, dtype=share.dtype)
            share.scatter_add_(-1, targets[part, None], ones)
            result[part] = share.mul_(-outer[part, None])
        return result, None


def label_logps(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return each target's log-probability, [labels] in float32.

    Args:
        logits: [labels, vocabulary], of any precision.
        targets: [labels] the tokens that followed.
    """
    found = _LabelLogps.apply(logits, targets)
    assert isinstance(found, torch.Tensor)
    return found


def label_loss(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return the summed cross entropy, a float32 scalar.

    Args:
        logits: [labels, vocabulary], of any precision.
        targets: [labels] the tokens that should have followed.

    >>> round(label_loss(torch.zeros(3, 4), torch.tensor([0, 1, 3])).item(), 4)
    4.1589
    """
    return -label_logps(logits, targets).sum()


@dataclass(frozen=True)
class LabelFigures:
    """What is reported of logits, each [labels] and without gradient."""

    entropy: torch.Tensor
    mean_logits: torch.Tensor
    is_top1: torch.Tensor
    """Whether the target is the most likely word."""


@torch.no_grad()
def label_figures(logits: torch.Tensor, targets: torch.Tensor) -> LabelFigures:
    """Return entropy, mean and whether the target is the first choice.

    >>> figures = label_figures(torch.tensor([[0.0, 0.0], [9.0, 0.0]]), torch.tensor([0, 1]))
    >>> [round(value, 4) for value in figures.entropy.tolist()]
    [0.6931, 0.0012]
    >>> figures.is_top1.tolist()
    [True, False]
    """
    entropies, means, tops = [], [], []
    for rows, wanted in zip(logits.split(ROWS), targets.split(ROWS), strict=True):
        exact = rows.float()
        surprise = exact.log_softmax(-1)
        entropies.append(-(surprise.exp() * surprise).sum(-1))
        means.append(exact.mean(-1))
        tops.append(exact.argmax(-1) == wanted)
    return LabelFigures(torch.cat(entropies), torch.cat(means), torch.cat(tops))
