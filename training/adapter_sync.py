"""Brings the policy to its server: a new adapter version each time its weights changed."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from .environment import is_main, meet, shared
from .reload import load_adapter, unload_adapter

KEPT_VERSIONS = 2
"""Versions a server keeps: the newest, and the one before it for runs under way."""


class AdapterSync:
    """Stands in for TRL's own vLLM client, which sends weights over NCCL.

    The name of every version is new, and so is its folder: vLLM hashes the blocks of its
    prefix cache by both, and a run under way ends on the version it began with.

    Where several processes train, all call the same methods: all take part in saving, the
    first one speaks to the servers, and nobody goes on before the version is there.

    Args:
        urls: the servers, base URLs of the OpenAI routes.
        folder: where the versions are put; each server must see it.
        name: what the versions' names begin with.
        save: writes the adapter into a folder.
    """

    def __init__(
        self,
        urls: Sequence[str],
        folder: Path,
        name: str,
        *,
        save: Callable[[str], Any],
    ) -> None:
        self._urls = list(urls)
        self._folder = folder
        # A server outlives a killed run: its versions of that run have taken their names.
        self._prefix = shared(f"{name}-{uuid.uuid4().hex[:6]}")
        self._save = save
        self._loaded: list[str] = []
        self.version = 0
        """How many versions were brought to the servers."""

    @property
    def model_name(self) -> str:
        """The name the newest version is served under."""
        return self._loaded[-1] if self._loaded else ""

    def sync_weights(self) -> None:
        """Save the policy's adapter and load it into every server under a new name.

        Raises:
            ReloadError: a server does not take it.
        """
        self.version += 1
        name = f"{self._prefix}-{self.version}"
        path = self._folder / name
        self._save(str(path))
        meet()
        if is_main():
            for url in self._urls:
                load_adapter(url, name, path)
        meet()
        self._loaded.append(name)
        while len(self._loaded) > KEPT_VERSIONS:
            self._drop(self._loaded.pop(0))

    def close(self) -> None:
        """Take every version out of the servers, and remove its files."""
        while self._loaded:
            self._drop(self._loaded.pop())

    def _drop(self, name: str) -> None:
        if not is_main():
            return
        for url in self._urls:
            unload_adapter(url, name)
        shutil.rmtree(self._folder / name)
