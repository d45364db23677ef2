"""Runs a coroutine from ordinary code, also where the caller's thread has a loop.

One event loop in a daemon thread serves every synchronous search and read. So both forms
share one implementation, and time limits are real totals: a coroutine can be cancelled in
the middle of a slow read, a blocking socket call cannot.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")

_lock = threading.Lock()
_state: dict[str, Any] = {}


def run_blocking(work: Coroutine[Any, Any, Result]) -> Result:
    """Return the coroutine's result, or raise what it raised.

    When the caller is interrupted, the coroutine is cancelled.
    """
    future = asyncio.run_coroutine_threadsafe(work, _loop())
    try:
        return future.result()
    except BaseException:
        future.cancel()
        raise


def _loop() -> asyncio.AbstractEventLoop:
    with _lock:
        # A forked child inherits the loop's object but not its thread.
        if _state.get("pid") != os.getpid():
            loop = asyncio.new_event_loop()
            thread = threading.Thread(
                target=loop.run_forever, name="deepsearch-tools", daemon=True
            )
            thread.start()
            _state.update(pid=os.getpid(), loop=loop)
        return _state["loop"]


def _after_fork() -> None:
    # The lock may have been held by a thread that the child does not have.
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
