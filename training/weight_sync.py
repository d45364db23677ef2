"""Brings the policy to its server as whole weights, in place of those it was started with."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from .environment import is_main, meet
from .reload import ReloadError, reload_weights


class WeightSync:
    """Stands in for TRL's own vLLM client, as `AdapterSync` does.

    vLLM computes adapters on a CPU token by token, twenty times as slowly as the model
    itself, and no adapter holds a training of all weights. Here the servers read the whole
    policy from a file, and forget their prefix cache. They hold one version at a time, so a
    run must have ended before the next comes: true of a step's rollouts.

    Where several processes train, all call the same methods: all take part in saving, the
    first one speaks to the servers, and nobody goes on before the version is there.

    Args:
        urls: the servers, base URLs of the OpenAI routes; each must see the folder.
        folder: where the versions are put.
        original: folder of the model they were started with.
        save: writes the policy's weights into a folder; called with it and the version.
    """

    model_name = ""
    """The server's own name stays; empty stands for it."""

    def __init__(
        self,
        urls: Sequence[str],
        folder: Path,
        original: Path,
        *,
        save: Callable[[Path, int], Any],
    ) -> None:
        self._urls = list(urls)
        self._folder = folder
        self._original = original
        self._save = save
        self.version = 0
        """How many versions were brought to the servers."""

    def sync_weights(self) -> None:
        """Save the policy and have every server load it.

        Raises:
            ReloadError: a server does not.
        """
        self.version += 1
        path = self._folder / str(self.version)
        self._save(path, self.version)
        meet()
        if is_main():
            self._load(path)
            shutil.rmtree(self._folder / str(self.version - 1), ignore_errors=True)
        meet()

    def close(self) -> None:
        """Give the servers back the model they had, and remove the files.

        Raises:
            ReloadError: a server did not take it; the others have it.
        """
        if not self.version or not is_main():
            return
        failed: list[ReloadError] = []
        for url in self._urls:
            try:
                reload_weights(url, self._original)
            except ReloadError as error:
                failed.append(error)
        shutil.rmtree(self._folder)
        self.version = 0
        if failed:
            raise failed[0]

    def _load(self, path: Path) -> None:
        for url in self._urls:
            reload_weights(url, path)
