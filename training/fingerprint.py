"""A model's fingerprint: what tells it from another without reading all its weights."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

BLOCK_BYTES = 1 << 14
BLOCKS = 256
"""Bytes of a block, and blocks of a weights file, that go into a model's fingerprint: some in
every layer. A training may freeze the first layers, and a small step may leave the norms at
the end as they were."""


def model_fingerprint(path: Path) -> str:
    """Return a short hash that tells models, or adapters, apart.

    It covers the configuration whole, and of each weights file its size and 256 blocks
    of 16 KiB at even distances, the first and the last among them.
    """
    digest = sha256()
    for file in sorted(path.glob("*config.json")):
        content = file.read_bytes()
        digest.update(f"{file.name} {len(content)}\n".encode() + content)
    for file in sorted(path.glob("*.safetensors")):
        size = file.stat().st_size
        digest.update(f"{file.name} {size}\n".encode())
        with file.open("rb") as stream:
            for offset in _offsets(size):
                stream.seek(offset)
                digest.update(stream.read(BLOCK_BYTES))
    return digest.hexdigest()[:16]


def _offsets(size: int) -> list[int]:
    last = max(0, size - BLOCK_BYTES)
    return sorted({last * n // (BLOCKS - 1) for n in range(BLOCKS)})
