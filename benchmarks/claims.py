"""Claims on pieces of work, so that several programs can share out what one directory needs.

A claim is a lock on a file: it ends with the program that holds it, however that ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from langgraph_deepsearch.run_lock import lock_file


@contextmanager
def claim(path: Path, *, waits: bool = False) -> Iterator[bool]:
    """Claim a piece of work while the context is open.

    Args:
        path: file that stands for it; made when absent.
        waits: whether to wait for another program's claim to end.

    Yields:
        Whether the claim was got; always, with `waits`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        yield lock_file(file.fileno(), waits=waits)
