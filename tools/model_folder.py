"""A model's folder: what tells its content from another's of the same name."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

SUFFIXES = frozenset({".json", ".txt", ".model", ".safetensors", ".bin", ".pt"})
"""Files that decide what a model computes: configuration, vocabulary, weights."""


def model_hash(folder: Path) -> str:
    """Return a hash of a model's files, wherever the folder lies.

    All of their bytes: it is asked for once, beside loading the model and encoding a corpus,
    which take longer, and two trainings of one model may differ in a few layers alone.
    """
    digest = hashlib.sha256()
    for file in _files(folder):
        with file.open("rb") as stream:
            content = hashlib.file_digest(stream, "sha256").hexdigest()
        digest.update(f"{file.relative_to(folder).as_posix()} {content}\n".encode())
    return digest.hexdigest()[:24]


def model_state(folder: Path) -> tuple[str, ...]:
    """Return what changes when a file of the model is written again; reads no content."""
    states = [(file, file.stat()) for file in _files(folder)]
    return tuple(f"{file} {one.st_mtime_ns} {one.st_size}" for file, one in states)


def _files(folder: Path) -> Iterator[Path]:
    return iter(
        sorted(f for f in folder.rglob("*") if f.suffix in SUFFIXES and f.is_file())
    )
