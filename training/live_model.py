"""A whole model replaced by a restart, behind the name and to the runs that ask for it.

An adapter goes into a running server (`reload.py`); other weights need another server.
Each run is told at its start where the model of its name is served now, and keeps that
server to its end, so no run is written by two models.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import DeepSearchError
from ..nodes.models.resolve import forget_reasoners
from .serve import ModelServer


class LiveModelError(DeepSearchError):
    """A run was asked for before a model was there, or after the end."""


@dataclass
class _Serving:
    """One server and the runs that began on it."""

    server: ModelServer
    model: Path
    runs: int = 0
    is_replaced: bool = False


class LiveModel:
    """A served name behind which models take turns; a context manager that ends them.

        with LiveModel("desk") as live:
            live.replace("runs/desk/model")
            async with live.arun() as where:
                await agent.ainvoke({"question": "…"}, context=where)
            live.replace("runs/desk/second_round/model")    # the next run uses it

    Args:
        name: what runs call the model, whichever is behind it.
        beside: whether two models fit at once. True: the new server starts beside the old
            one, on a port of its own; the old one ends with its last run, and no run
            waits. False: new runs wait until those under way have ended and the server
            was restarted, on the same port.
        make_server: makes a server for a folder, served name and port (0: any).
        settings: of the servers, see `ModelServer`.
    """

    def __init__(
        self,
        name: str,
        *,
        beside: bool = True,
        make_server: Callable[..., ModelServer] = ModelServer,
        **settings: Any,
    ) -> None:
        self.name = name
        self._beside = beside
        self._make_server = make_server
        self._settings = settings
        self._change = threading.Condition()
        self._replacing = threading.Lock()
        self._now: _Serving | None = None
        self._restarted = _done()
        """Done unless a restart is under way."""
        self._served: list[_Serving] = []

    def __enter__(self) -> LiveModel:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def replace(self, model: str | os.PathLike[str]) -> None:
        """Serve another model under the name; returns when new runs get it.

        Raises:
            ServerError: the new server did not start; the earlier model is served on.
        """
        with self._replacing:
            if self._beside or self._now is None:
                self._take_over(self._start(Path(model), 0))
            else:
                self._restart(self._now, Path(model))

    @contextmanager
    def run(self) -> Iterator[dict[str, str]]:
        """Give one run its settings, `model` and `base_url`, and keep their server for it.

        Raises:
            LiveModelError: no model is served.
        """
        while (serving := self._begin()) is None:
            self._restarted.result()
        try:
            yield {"model": self.name, "base_url": serving.server.url}
        finally:
            if self._end(serving):
                self._stop_if_idle(serving)

    @asynccontextmanager
    async def arun(self) -> AsyncIterator[dict[str, str]]:
        """Async version of `run`."""
        while (serving := self._begin()) is None:
            # Not in a thread: the runs that are waited for may need the whole pool.
            await asyncio.wrap_future(self._restarted)
        try:
            yield {"model": self.name, "base_url": serving.server.url}
        finally:
            if self._end(serving):
                await asyncio.to_thread(self._stop_if_idle, serving)

    def close(self) -> None:
        """End every server, also under runs."""
        with self._change:
            served, self._served, self._now = self._served, [], None
            self._change.notify_all()
        for serving in served:
            serving.server.stop()

    def _start(self, model: Path, port: int) -> _Serving:
        settings = {"name": self.name, "port": port, **self._settings}
        server = self._make_server(model, **settings).start()
        forget_reasoners()  # an address may come again
        return _Serving(server, model)

    def _take_over(self, fresh: _Serving) -> None:
        with self._change:
            old, self._now = self._now, fresh
            self._served.append(fresh)
            if old is not None:
                old.is_replaced = True
            self._change.notify_all()
        if old is not None:
            self._stop_if_idle(old)

    def _restart(self, old: _Serving, model: Path) -> None:
        with self._change:
            self._restarted = _under_way()
        try:
            self._wait_for_runs(old)
            port = old.server.port
            old.server.stop()
            try:
                self._take_over(self._start(model, port))
            except BaseException:
                self._take_over(self._start(old.model, port))
                raise
        finally:
            self._restarted.set_result(None)

    def _wait_for_runs(self, old: _Serving) -> None:
        with self._change:
            while old.runs:
                self._change.wait()
            self._served.remove(old)
            self._now = None

    def _begin(self) -> _Serving | None:
        """Return the server of a run that begins now, None while a restart is under way."""
        with self._change:
            if not self._restarted.done():
                return None
            if self._now is None:
                msg = f"no model is served as {self.name!r}: call replace() with its folder"
                raise LiveModelError(msg)
            self._now.runs += 1
            return self._now

    def _end(self, serving: _Serving) -> bool:
        """Count a run off; tell whether it was the last one of a replaced server."""
        with self._change:
            serving.runs -= 1
            self._change.notify_all()
            return serving.is_replaced and not serving.runs

    def _stop_if_idle(self, serving: _Serving) -> None:
        with self._change:
            is_over = serving.is_replaced and not serving.runs
            if not is_over or serving not in self._served:
                return
            self._served.remove(serving)
        serving.server.stop()


def _done() -> Future[None]:
    future: Future[None] = Future()
    future.set_result(None)
    return future


def _under_way() -> Future[None]:
    future: Future[None] = Future()
    # One that runs cannot be cancelled, as a cancelled waiter would do for all.
    future.set_running_or_notify_cancel()
    return future
