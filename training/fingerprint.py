"""A model's fingerprint: what tells it from another without reading all its weights."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

EDGE_BYTES = 1 << 20
"""Bytes at each end of a weights file that go into a model's fingerprint."""


def model_fingerprint(path: Path) -> str:
    """Return a short hash that tells models, or adapters, apart.

    It covers the configuration whole, and of each weights file its size, first and last
    mebibyte.
    """
    digest = sha256()
    for file in sorted(path.glob("*config.json")) + sorted(path.glob("*.safetensors")):
        size = file.stat().st_size
        digest.update(f"{file.name} {size}\n".encode())
        with file.open("rb") as stream:
            digest.update(stream.read(EDGE_BYTES))
            stream.seek(max(0, size - EDGE_BYTES))
            digest.update(stream.read(EDGE_BYTES))
    return digest.hexdigest()[:16]
