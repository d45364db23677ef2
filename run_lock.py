"""One process at a time: locks on files, and on work that two at once would do twice."""

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
    if not lock_file(descriptor, waits=False):
        return False
    # One that its holder has removed since it was opened keeps nobody out.
    return lock.exists() and os.path.samestat(os.fstat(descriptor), lock.stat())


def lock_file(descriptor: int, *, waits: bool = True) -> bool:
    """Lock an open file until its descriptor is closed; tell whether it could be had.

    Where the system knows no such locks (Windows) every process gets it: there the user
    sees to it that one process at a time writes a file.

    Args:
        descriptor: of the file.
        waits: whether to wait for another holder, or to give up at once.
    """
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if waits else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True
