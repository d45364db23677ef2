"""The loss at labelled positions, without float32 copies of all their logits.

A vocabulary is wide: the usual cross entropy keeps the logits in float32, their
log-softmax and its gradient, five times the logits' own memory in bfloat16. Here they are
turned into float32 a few rows at a time, forward and backward.
"""

from __future__ import annotations

from typing import Any

import torch

ROWS = 64
"""Labels at once: 64 of 49,152 words are 12.6 MB in float32, about a core's cache."""


class _LabelLoss(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        total = torch.zeros((), dtype=torch.float32, device=logits.device)
        normalizers = []
        for rows, wanted in zip(logits.split(ROWS), targets.split(ROWS), strict=True):
            exact = rows.float()
            normalizer = exact.logsumexp(-1)
            total += (normalizer - exact.gather(-1, wanted[:, None])[:, 0]).sum()
            normalizers.append(normalizer)
        ctx.save_for_backward(logits, targets, torch.cat(normalizers))
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None]:
        logits, targets, normalizers = ctx.saved_tensors
        (outer,) = gradients
        result = torch.empty_like(logits)
        for start in range(0, len(targets), ROWS):
            part = slice(start, start + ROWS)
            share = (logits[part].float() - normalizers[part, None]).exp_()
            ones = torch.full_like(targets[part, None], -1, dtype=share.dtype)
            result[part] = share.scatter_add_(-1, targets[part, None], ones).mul_(outer)
        return result, None


def label_loss(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return the summed cross entropy, a float32 scalar.

    Args:
        logits: [labels, vocabulary], of any precision; at least one label.
        targets: [labels] the tokens that should have followed.

    >>> round(label_loss(torch.zeros(3, 4), torch.tensor([0, 1, 3])).item(), 4)
    4.1589
    """
    loss = _LabelLoss.apply(logits, targets)
    assert isinstance(loss, torch.Tensor)
    return loss
