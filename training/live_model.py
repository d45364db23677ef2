"""What an application's next run uses: the newest model, by restart or as an adapter.

An adapter goes into a running server (`reload.py`) under a name of its own version; other
weights need another server. Each run is told at its start what the model is called and
where it is served, and keeps both to its end, so no run is written by two models.
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
from ..nodes.models.http import normalize_url
from ..nodes.models.resolve import forget_reasoners
from .base_model import is_adapter_dir, is_model_dir
from .registry import ModelRegistry
from .reload import load_registered
from .serve import ModelServer


class LiveModelError(DeepSearchError):
    """A run was asked for before a model was there, or after the end."""


@dataclass
class _Elsewhere:
    """A server that was started elsewhere, and ends there."""

    url: str
    port: int = 0

    def stop(self) -> None:
        """Leave it running."""


@dataclass
class _Serving:
    """One server and the runs that began on it."""

    server: ModelServer | _Elsewhere
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

    With a `registry` the current model there is what the next run uses, as soon as a
    training has registered it, if it is an adapter: it is loaded into the server under its
    name and version, which the run is told.

    Args:
        name: what runs call the model, whichever is behind it; no adapter.
        registry: run directory whose `models.json` is looked at when a run begins.
        base_url: a vLLM server that takes adapters and was started elsewhere; nothing is
            started here, and `replace` is refused.
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
        registry: str | os.PathLike[str] | None = None,
        base_url: str = "",
        make_server: Callable[..., ModelServer] = ModelServer,
        **settings: Any,
    ) -> None:
        self.name = name
        self._beside = beside
        self._registry = None if registry is None else ModelRegistry(registry)
        self._make_server = make_server
        self._settings = settings if registry is None else {"lora": True, **settings}
        self._loading = threading.Lock()
        self._change = threading.Condition()
        self._replacing = threading.Lock()
        self._now: _Serving | None = None
        if base_url:
            self._now = _Serving(_Elsewhere(normalize_url(base_url)), Path())
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
            LiveModelError: the server was started elsewhere.
        """
        if self._now is not None and isinstance(self._now.server, _Elsewhere):
            msg = f"the server at {self._now.server.url} was started elsewhere: restart it there"
            raise LiveModelError(msg)
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
            ReloadError: the server does not take the registry's current adapter.
            RegistryError: its files are gone.
        """
        while (serving := self._begin()) is None:
            self._restarted.result()
        try:
            yield self._where(serving.server.url)
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
            yield await self._awhere(serving.server.url)
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

    def _where(self, url: str) -> dict[str, str]:
        """Return a run's settings; its model is the current adapter, loaded if need be."""
        return {"model": self._adapter(url) or self.name, "base_url": url}

    async def _awhere(self, url: str) -> dict[str, str]:
        if self._registry is None:
            return self._where(url)
        return await asyncio.to_thread(self._where, url)

    def _adapter(self, url: str) -> str:
        current = self._registry.current() if self._registry else None
        if self._registry is None or current is None:
            return ""
        path = self._registry.path(current)
        if is_model_dir(path) and not is_adapter_dir(path):
            return ""
        with self._loading:  # two runs may begin at once
            return load_registered(self._registry, url, current.key)

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
