"""What a training run sets around itself: threads, processes, quiet libraries."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .config import TrainingConfig


def rank() -> int:
    """Return this process's number among those that train together, from 0."""
    return int(os.environ.get("RANK", "0"))


def is_main() -> bool:
    """Tell whether this is the process that writes."""
    return rank() == 0


def process_count() -> int:
    """Return how many processes were started to train together."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def has_others() -> bool:
    """Tell whether this is one of several processes that train together."""
    import torch.distributed as dist

    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def meet() -> None:
    """Wait until every process is here."""
    import torch.distributed as dist

    if has_others():
        dist.barrier()


def shared(text: str) -> str:
    """Return what the first process has."""
    import torch.distributed as dist

    if not has_others():
        return text
    texts = [text]
    dist.broadcast_object_list(texts)
    return texts[0]


def agree(resume: Path | None, checkpoints: Path) -> Path | None:
    """Make every process resume from what the first one found."""
    name = shared(resume.name if resume else "")
    return checkpoints / name if name else None


@contextmanager
def environment(config: TrainingConfig) -> Iterator[None]:
    """Set threads, and what DeepSpeed wants to find in the environment, for one run."""
    import torch

    from .arguments import has_cuda

    before = torch.get_num_threads()
    processes = int(os.environ.get("LOCAL_WORLD_SIZE", process_count()))
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else before
    torch.set_num_threads(config.threads or max(1, cores // processes))
    if not has_cuda():
        # DeepSpeed is looked at by the libraries even where it is not used.
        os.environ.setdefault("DS_ACCELERATOR", "cpu")
    grouped = has_others()
    added = _distributed_environment(config)
    try:
        yield
        if not grouped:
            _part()
    finally:
        torch.set_num_threads(before)
        for name in added:
            os.environ.pop(name, None)


def _part() -> None:
    """End the group of processes that this run has made, once all are here.

    A process that ends with its group open may be aborted by the group's own threads,
    which the launcher takes for a failed training.
    """
    import torch.distributed as dist

    if has_others():
        meet()
        dist.destroy_process_group()


def _distributed_environment(config: TrainingConfig) -> list[str]:
    if not config.deepspeed:
        return []
    from .arguments import has_cuda
    from .serve import free_port

    wanted = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    wanted |= {"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0"}
    added = [name for name in wanted if name not in os.environ]
    os.environ.update({name: wanted[name] for name in added})
    if not has_cuda():
        import deepspeed

        # Before the training arguments are made, or DeepSpeed looks for another backend.
        deepspeed.init_distributed(dist_backend="gloo", verbose=False)
    return added


@contextmanager
def quiet() -> Iterator[None]:
    """Silence the libraries' chatter while we report progress ourselves."""
    import logging

    from transformers.utils import logging as library

    verbosity = library.get_verbosity()
    library.set_verbosity_error()
    library.disable_progress_bar()
    noisy = [logging.getLogger(name) for name in ("DeepSpeed", "accelerate", "torch")]
    levels = [logger.level for logger in noisy]
    for logger in noisy:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            # Deprecations between the libraries are not the user's to mend.
            warnings.simplefilter("ignore", FutureWarning)
            yield
    finally:
        library.set_verbosity(verbosity)
        library.enable_progress_bar()
        for logger, level in zip(noisy, levels, strict=True):
            logger.setLevel(level)
