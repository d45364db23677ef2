"""Ends a process and everything it has started."""

from __future__ import annotations

import os
import signal
import subprocess
import time

GRACE_SECONDS = 10.0
"""Wait between asking a server to end and killing it."""


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End a process group: ask, wait, then kill whatever is left of it."""
    _signal_group(process.pid, signal.SIGTERM)
    if not _wait_for_group(process, GRACE_SECONDS):
        _signal_group(process.pid, signal.SIGKILL)
        _wait_for_group(process, GRACE_SECONDS)
    if process.stdin:
        process.stdin.close()
    process.wait()


def _wait_for_group(process: subprocess.Popen[bytes], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        process.poll()  # reaps the leader, so that an empty group is seen as empty
        if not _group_lives(process.pid):
            return True
        time.sleep(0.05)
    return False


def _signal_group(group: int, number: signal.Signals) -> None:
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return


def _group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
