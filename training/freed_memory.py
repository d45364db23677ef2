"""Gives back to the system what a training has freed."""

from __future__ import annotations

import ctypes
import sys


def give_back_memory() -> None:
    """Return freed memory to the system, on the GPU and beside it.

    A training frees gigabytes in pieces that glibc keeps for itself; in a loop the servers
    that start next would find them taken.
    """
    from accelerate.utils.memory import clear_device_cache

    clear_device_cache(garbage_collection=True)
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's own
        if trim is not None:
            trim(0)
