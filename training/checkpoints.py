"""What makes a training run safe to kill: whole checkpoints only, and one-step saves."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from ..errors import DeepSearchError
from .environment import meet

MANIFEST_FILE = "manifest.json"
"""In the checkpoint folder: what the run there trains, on what, with which settings."""

WHOLE_MARK = "whole"
"""File that a checkpoint gets once everything in it is on disk."""

BLOCK_BYTES = 1 << 20
"""Bytes of a file that are read at once."""


class TrainingMismatchError(DeepSearchError):
    """The output folder belongs to another training run."""


class MarkWhole(TrainerCallback):
    """Marks each checkpoint after all of it was written.

    Args:
        spent: seconds that earlier attempts at this run took up to their last checkpoint.
    """

    def __init__(self, spent: float = 0.0) -> None:
        self._started = time.monotonic() - spent

    @property
    def seconds(self) -> float:
        """Seconds of training so far, over all attempts."""
        return time.monotonic() - self._started

    def on_step_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **_: Any,
    ) -> None:
        """Make no checkpoint of the last step: the finished model follows at once."""
        if state.global_step >= state.max_steps:
            control.should_save = False

    def on_save(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **_: Any,
    ) -> None:
        """Put the mark in; a checkpoint without it is a torn one."""
        meet()  # every process writes a part: its random state, its share of the optimizer
        if state.is_world_process_zero and args.output_dir:
            folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
            sync_tree(folder)
            write_json(folder / WHOLE_MARK, {"seconds": self.seconds})


def last_whole_checkpoint(folder: Path) -> Path | None:
    """Return the newest whole checkpoint and remove torn ones."""
    whole = []
    for path in folder.glob("checkpoint-*"):
        if (path / WHOLE_MARK).is_file():
            whole.append(path)
        else:
            shutil.rmtree(path)
    return max(whole, key=lambda path: int(path.name.split("-")[1]), default=None)


def seconds_spent(checkpoint: Path | None) -> float:
    """Return the training time that went into a checkpoint, 0 for None."""
    if checkpoint is None:
        return 0.0
    return float(json.loads((checkpoint / WHOLE_MARK).read_text())["seconds"])


def check_manifest(
    folder: Path, manifest: Mapping[str, Any], defaults: Mapping[str, Any]
) -> None:
    """Check that a folder of checkpoints is empty or of the same run; see `compare`."""
    path = folder / MANIFEST_FILE
    if path.is_file():
        compare(json.loads(path.read_text()), manifest, folder, defaults)


def write_manifest(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Say in a folder of checkpoints whose they are."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / MANIFEST_FILE, manifest)


def compare(
    found: Mapping[str, Any],
    wanted: Mapping[str, Any],
    folder: Path,
    defaults: Mapping[str, Any],
) -> None:
    """Refuse to go on when a folder's run differs from the wanted one.

    Args:
        found: what the folder says of its run.
        wanted: what is to be run: data, parent and `config`.
        folder: where that was found: the output folder, or that of the checkpoints.
        defaults: settings that one of them does not name, and what they then are: a run
            begun before a setting was added had its default.

    Raises:
        TrainingMismatchError: they differ; the message names the first difference.
    """
    for name in wanted:
        if name == "config":
            _compare_settings(found.get(name) or {}, wanted[name], folder, defaults)
        elif found.get(name) != wanted[name]:
            raise TrainingMismatchError(_another(folder, name))


def _compare_settings(
    found: Mapping[str, Any],
    wanted: Mapping[str, Any],
    folder: Path,
    defaults: Mapping[str, Any],
) -> None:
    earlier = {**defaults, **found}
    now = json.loads(json.dumps({**defaults, **wanted}))
    for name in sorted({*earlier, *now}):
        if earlier.get(name) != now.get(name):
            what = f"config ({name} {earlier.get(name)!r}, now {now.get(name)!r})"
            raise TrainingMismatchError(_another(folder, what))


def _another(folder: Path, what: str) -> str:
    return (
        f"{folder} holds a training run with another {what}; choose another output folder, "
        f"or remove {folder} to train anew"
    )


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write a JSON file in one step."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    with partial.open("w", encoding="utf-8") as file:
        json.dump(value, file, indent=2, sort_keys=True)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def sync_tree(folder: Path) -> None:
    """Flush every file of a folder to disk."""
    for path in folder.rglob("*"):
        if path.is_file():
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def publish(partial: Path, target: Path) -> None:
    """Move a finished folder to its place in one step, replacing an older one."""
    sync_tree(partial)
    if target.exists():
        old = target.with_name(f".{target.name}.{os.getpid()}.old")
        target.rename(old)
        partial.rename(target)
        shutil.rmtree(old)
    else:
        partial.rename(target)


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file, or of all files of a folder, in hexadecimal."""
    digest = sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()
