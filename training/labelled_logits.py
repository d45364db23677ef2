"""What is wanted of the logits at labelled positions, without float32 copies of all of them.

A vocabulary is wide: the usual cross entropy keeps the logits in float32, their
log-softmax and its gradient, five times the logits' own memory in bfloat16. Here they are
turned into float32 a few rows at a time, forward and backward.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch

ROWS = 64
"""Labels at once: 64 of 49,152 words are 12.6 MB in float32, about a core's cache."""


class _LabelLogps(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, logits: torch.Tensor, targets: torch.Tensor, temperature: float
    ) -> torch.Tensor:
        found, normalizers = [], []
        for rows, wanted in zip(logits.split(ROWS), targets.split(ROWS), strict=True):
            exact = rows.float() / temperature
            normalizer = exact.logsumexp(-1)
            found.append(exact.gather(-1, wanted[:, None])[:, 0] - normalizer)
            normalizers.append(normalizer)
        ctx.save_for_backward(logits, targets, torch.cat(normalizers))
        ctx.temperature = temperature
        ctx.is_read_again = logits.is_leaf
        return torch.cat(found)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        logits, targets, normalizers = ctx.saved_tensors
        outer = gradients[0] / ctx.temperature
        # What a model made is read by nobody after this: its memory takes the gradient.
        result = torch.empty_like(logits) if ctx.is_read_again else logits
        for start in range(0, len(targets), ROWS):
            part = slice(start, start + ROWS)
            exact = logits[part].float() / ctx.temperature
            share = (exact - normalizers[part, None]).exp_()
            ones = torch.full_like(targets[part, None], -1, dtype=share.dtype)
            share.scatter_add_(-1, targets[part, None], ones)
            result[part] = share.mul_(-outer[part, None])
        return result, None, None


def label_logps(
    logits: torch.Tensor, targets: torch.Tensor, temperature: float = 1.0
) -> torch.Tensor:
    """Return each target's log-probability, [labels] in float32.

    The backward pass writes over logits that were computed: it can be run once.

    Args:
        logits: [labels, vocabulary], of any precision.
        targets: [labels] the tokens that followed.
        temperature: what the logits are divided by, in float32.
    """
    found = _LabelLogps.apply(logits, targets, temperature)
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


def _entropy(exact: torch.Tensor, _: torch.Tensor) -> torch.Tensor:
    surprise = exact.log_softmax(-1)
    return -(surprise.exp() * surprise).sum(-1)


FIGURES: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "entropy": _entropy,
    "mean_logits": lambda exact, _: exact.mean(-1),
    "is_top1": lambda exact, wanted: exact.argmax(-1) == wanted,
}
"""What can be reported of logits; `is_top1` tells whether the target is the first choice."""


@torch.no_grad()
def label_figures(
    logits: torch.Tensor,
    targets: torch.Tensor,
    names: Iterable[str] = tuple(FIGURES),
    temperature: float = 1.0,
) -> dict[str, torch.Tensor]:
    """Return figures of the logits by name, each [labels], without gradient.

    Args:
        logits: [labels, vocabulary], of any precision.
        targets: [labels] the tokens that followed.
        names: which of `FIGURES`.
        temperature: what the logits are divided by.

    >>> found = label_figures(torch.tensor([[0.0, 0.0], [9.0, 0.0]]), torch.tensor([0, 1]))
    >>> [round(value, 4) for value in found["entropy"].tolist()]
    [0.6931, 0.0012]
    >>> found["is_top1"].tolist()
    [True, False]
    """
    parts: dict[str, list[torch.Tensor]] = {name: [] for name in names}
    if not parts:
        return {}
    for rows, wanted in zip(logits.split(ROWS), targets.split(ROWS), strict=True):
        exact = rows.float() / temperature
        for name, found in parts.items():
            found.append(FIGURES[name](exact, wanted))
    return {name: torch.cat(found) for name, found in parts.items()}
