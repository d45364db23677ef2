"""Makes equal calls that overlap in time into one call."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Hashable
from concurrent.futures import CancelledError, Future
from typing import Generic, TypeVar

Result = TypeVar("Result")


class SingleFlight(Generic[Result]):
    """Gives every caller of the same key the first caller's result or error.

    Works across threads and event loops. When the first caller is cancelled, a waiting
    one makes the call itself.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._flights: dict[Hashable, Future[Result]] = {}

    def run(self, key: Hashable, call: Callable[[], Result]) -> Result:
        """Return `call()`, or what an equal call under way returns."""
        while True:
            flight, is_first = self._join(key)
            if is_first:
                break
            try:
                return flight.result()
            except CancelledError:
                continue
        try:
            result = call()
        except BaseException as error:
            self._fail(key, flight, error)
            raise
        self._land(key, flight, result)
        return result

    async def arun(self, key: Hashable, call: Callable[[], Awaitable[Result]]) -> Result:
        """Async version of `run`."""
        while True:
            flight, is_first = self._join(key)
            if is_first:
                break
            try:
                # Shielded: a caller that is cancelled must not cancel the others' call.
                return await asyncio.shield(asyncio.wrap_future(flight))
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if task is not None and task.cancelling():
                    raise
        try:
            result = await call()
        except BaseException as error:
            self._fail(key, flight, error)
            raise
        self._land(key, flight, result)
        return result

    def _join(self, key: Hashable) -> tuple[Future[Result], bool]:
        with self._lock:
            flight = self._flights.get(key)
            if flight is not None:
                return flight, False
            flight = self._flights[key] = Future()
            # A running future cannot be cancelled by those who wait for it.
            return flight, True

    def _land(self, key: Hashable, flight: Future[Result], result: Result) -> None:
        self._leave(key)
        flight.set_result(result)

    def _fail(self, key: Hashable, flight: Future[Result], error: BaseException) -> None:
        self._leave(key)
        if isinstance(error, Exception):
            flight.set_exception(error)
        else:  # cancelled or interrupted: that is this caller's affair only
            flight.cancel()

    def _leave(self, key: Hashable) -> None:
        with self._lock:
            self._flights.pop(key, None)
