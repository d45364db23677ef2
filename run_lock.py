"""One process at a time: a lock on work that two at once would do twice."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import DeepSearchError


class BusyError(DeepSearchError):
    """Another process does this work already."""


@contextmanager
def run_lock(path: Path) -> Iterator[None]:
    """Hold the lock of the work that leaves its result at a path.

    The system lets go of it when the process ends, however it ends.

    Args:
        path: the file the work writes; the lock is a hidden file beside it, removed at
            the end.

    Raises:
        BusyError: another holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = path.with_name(f".{path.name}.lock")
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        if not _take(descriptor, lock):
            msg = f"another process is at work on {path}: wait for it, or end it"
            raise BusyError(msg)
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)
    finally:
        os.close(descriptor)


def _take(descriptor: int, lock: Path) -> bool:
    try:
        import fcntl
    except ImportError:  # Windows has no fcntl; there the user sees to it.
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    # One that its holder has removed since it was opened keeps nobody out.
    return lock.exists() and os.path.samestat(os.fstat(descriptor), lock.stat())
