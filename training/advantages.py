"""Advantages: how rewards become what a policy is pushed by.

Rewards come group by group: the first `size` are the rollouts of one question, and so on.
"""

from __future__ import annotations

from typing import Literal

import torch

Estimator = Literal["group", "group_baseline", "batch"]
"""group: GRPO's, by the group's mean and deviation. group_baseline: REINFORCE++ with the
group's mean as baseline, then by the deviation of the whole batch. batch: plain
REINFORCE++, by mean and deviation of the whole batch."""

EPSILON = 1e-4
"""Added to a deviation before it divides, as TRL does. Rewards no further apart are equal:
what is left of them after their mean is rounding, which a deviation would blow up."""


def advantages(rewards: torch.Tensor, size: int, estimator: Estimator) -> torch.Tensor:
    """Return one advantage for each rollout.

    Args:
        rewards: [rollouts], group by group, of the whole batch.
        size: rollouts of a group.
        estimator: what they are compared with.
    """
    if estimator == "batch":
        return normalized(rewards)
    groups = rewards.view(-1, size)
    centred = groups - groups.mean(1, keepdim=True)
    if estimator == "group":
        spread = groups.std(1, keepdim=True) if size > 1 else torch.zeros_like(groups)
        found = centred / (spread + EPSILON)
    else:
        found = normalized(centred)
    differ = groups.amax(1, keepdim=True) - groups.amin(1, keepdim=True) > EPSILON
    return (found * differ).flatten()


def normalized(
    values: torch.Tensor,
    mask: torch.Tensor | None = None,
    among: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return values less their mean, by their deviation; masked ones are 0 and not counted.

    Args:
        values: of any shape.
        mask: 1 where a value counts.
        among: all values that count, where these are one process's part; these if None.
    """
    kept = values.flatten() if mask is None else values[mask.bool()]
    kept = kept if among is None else among
    if kept.numel() < 2 or kept.max() - kept.min() <= EPSILON:
        return torch.zeros_like(values)
    result = (values - kept.mean()) / (kept.std() + EPSILON)
    return result if mask is None else result * mask


def rewards_to_go(
    rewards: torch.Tensor, divergence: torch.Tensor, mask: torch.Tensor, beta: float
) -> torch.Tensor:
    """Return what each token leads to: the reward less the divergence still to come.

    REINFORCE++ (arXiv 2501.03262, section 3) takes the divergence from the reference off
    the reward token by token; the rollout's own reward comes with its last token.

    Args:
        rewards: [rollouts].
        divergence: [rollouts, tokens] log-probability under the policy less that under
            the reference.
        mask: [rollouts, tokens] 1 on the policy's own tokens.
        beta: weight of the divergence.

    Returns:
        [rollouts, tokens], 0 where the mask is.
    """
    cost = beta * divergence * mask
    to_come = cost.flip(1).cumsum(1).flip(1)
    return (rewards[:, None] - to_come) * mask


def is_informative(rewards: list[float]) -> bool:
    """Tell whether a group's rewards differ, so that its advantages are not all 0.

    >>> [is_informative([1.0, 1.0]), is_informative([1.0, 0.0])]
    [False, True]
    """
    return max(rewards) - min(rewards) > EPSILON
