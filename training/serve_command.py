"""Serves a model in the foreground, until a signal ends it."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from types import FrameType
from typing import Any

from .registry import ModelRegistry, RegistryError
from .serve import POLL_SECONDS, Engine, ModelServer


def serve_until_interrupted(
    model: str = "",
    *,
    engine: Engine = "auto",
    name: str = "",
    port: int = 8000,
    registry: Path | None = None,
    **settings: Any,
) -> None:
    """Serve a model until Ctrl-C or SIGTERM, or until the server ends by itself.

    Args:
        model: as `ModelServer` takes it; the packaged model if empty. With `registry` a
            name there, with or without its version; its current model if empty.
        engine: what serves it.
        name: served name; the registered name, or the folder's, if empty.
        port: 0 takes a free one.
        registry: run directory whose `models.json` says where the model is.
        settings: others of `ModelServer`.

    Raises:
        ServerError: the server failed.
        ModelSourceError: the model is not there.
        RegistryError: the registry has no such model, or its files are gone.
    """
    from rich.console import Console

    if registry is not None:
        model, name = _find_registered(registry, model, name)
    console = Console(stderr=True)
    ended = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        ended.set()

    previous = {n: signal.signal(n, end) for n in (signal.SIGINT, signal.SIGTERM)}
    server = ModelServer(
        model or None, engine=engine, name=name or None, port=port, **settings
    )
    try:
        console.print(
            f"starting {server.engine} for {server.model_names[0]} …", highlight=False
        )
        if server.is_slow:
            line = "vLLM computes adapters slowly on a CPU: --merge serves it as one model"
            console.print(line, markup=False, highlight=False)
        starter = _InBackground(server)
        while not ended.wait(POLL_SECONDS):
            if starter.announce(console) and not server.is_running:
                server.fail("ended")
    finally:
        server.stop()
        for number, handler in previous.items():
            signal.signal(number, handler)
    console.print("stopped")


def _find_registered(directory: Path, key: str, name: str) -> tuple[str, str]:
    """Return folder and served name of a registered model."""
    registry = ModelRegistry(directory)
    model = registry.get(key) if key else registry.current()
    if model is None:
        msg = (
            f"no trained models in {directory}: name a run directory that holds models.json"
        )
        raise RegistryError(msg)
    registry.check_files(model)
    return str(registry.path(model)), name or model.name


class _InBackground:
    """Starts a server in a thread, so that a signal ends the wait for its health."""

    def __init__(self, server: ModelServer) -> None:
        self._server = server
        self._error: BaseException | None = None
        self._announced = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._server.start()
        except BaseException as error:
            self._error = error

    def announce(self, console: Any) -> bool:
        """Say once that the server is ready; return whether it is.

        Raises:
            ServerError: the server did not start.
        """
        if self._thread.is_alive():
            return False
        if self._error is not None:
            raise self._error
        if not self._announced:
            self._announced = True
            names = ", ".join(self._server.model_names)
            took = f"{self._server.start_took:.0f} s"
            console.print(f"{names} at {self._server.url} ({took}); Ctrl-C ends it")
        return True
