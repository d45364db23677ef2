"""How the samples of an optimizer step are shared between processes and passes."""

from __future__ import annotations

from ..errors import DeepSearchError
from .config import TrainingConfig

CPU_MICRO_TOKENS = 1280
"""Tokens at once on a CPU when `micro_batch_size` is not set. Measured on two cores with
SmolLM2-135M: 1,250 tokens of a step in one pass make 255 tokens a second in 4.5 GB, in two
passes 242; 3,450 at once made fewer, since fresh memory costs more than larger products
save."""


class BatchSizeError(DeepSearchError):
    """The batch size does not divide into the processes' shares."""


def split_batch(
    config: TrainingConfig, mean_tokens: float, *, processes: int, on_gpu: bool
) -> tuple[int, int]:
    """Return samples at once in one process, and how often before a step is made.

    Args:
        config: the settings.
        mean_tokens: tokens of a sample.
        processes: how many train together.
        on_gpu: whether they train on GPUs.

    Raises:
        BatchSizeError: the batch size does not divide evenly.
    """
    share = max(1, config.batch_size // processes)
    micro = min(config.micro_batch_size or share, share)
    if config.micro_batch_size is None and not on_gpu:
        fitting = (n for n in range(1, share + 1) if n * mean_tokens <= CPU_MICRO_TOKENS)
        micro = max((n for n in fitting if share % n == 0), default=1)
    if share * processes != config.batch_size or share % micro:
        msg = (
            f"batch_size {config.batch_size} must be a multiple of {processes} processes "
            f"times micro_batch_size {micro}"
        )
        raise BatchSizeError(msg)
    return micro, share // micro
