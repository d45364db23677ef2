"""JSON Lines files that are only ever appended to, and outlive a kill of their writer.

A line that broke off is never a record: readers leave it out, and it is cut off before the
next line is appended.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from .run_lock import lock_file


def append_lines(path: str | os.PathLike[str], lines: Iterable[str]) -> None:
    """Append JSON lines so that a crash leaves each of them whole or none of it.

    A torn line that an earlier crash left is cut off first; one that lacks its newline
    alone gets it.

    Args:
        path: the file; made, with its folders, when absent.
        lines: without their newlines.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    data = "".join(line + "\n" for line in lines).encode()
    descriptor = os.open(target, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        lock_file(descriptor)  # several processes may append to one file
        _end_last_line(descriptor)
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _end_last_line(descriptor: int) -> None:
    """Make sure that the next line begins as one: end the last line, or cut it off."""
    end = os.lseek(descriptor, 0, os.SEEK_END)
    start = _last_line(descriptor, end)
    if start == end:
        return
    os.lseek(descriptor, start, os.SEEK_SET)
    if is_whole(os.read(descriptor, end - start)):
        os.write(descriptor, b"\n")
    else:
        os.ftruncate(descriptor, start)


def _last_line(descriptor: int, end: int) -> int:
    """Return where what follows the last newline begins; `end` where nothing does."""
    position = end
    while position > 0:
        start = max(0, position - 65536)
        os.lseek(descriptor, start, os.SEEK_SET)
        found = os.read(descriptor, position - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        position = start
    return 0


def is_whole(line: bytes) -> bool:
    """Tell whether a line of a file of records is there to its end.

    With its newline it is. Without one it is the last, and torn unless it is a JSON
    object: no beginning of an object is one.
    """
    if line.endswith(b"\n"):
        return True
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def warn_of_torn_line(source: Path) -> None:
    """Warn that a file's last line is left out; once a process and file."""
    msg = (
        f"the last line of {source} breaks off and is left out: whoever wrote it was killed, "
        "or is writing still"
    )
    warnings.warn(msg, RuntimeWarning, stacklevel=1)


def load_record(line: bytes, default: int) -> tuple[dict[str, Any], int]:
    """Return the JSON object of a line and its `version`, `default` without one.

    Raises:
        ValueError: it is no object, or its version no whole number.
    """
    data = json.loads(line)
    if not isinstance(data, dict):
        msg = f"it is no JSON object but {_shown(data)}"
        raise ValueError(msg)
    version = data.get("version", default)
    if not isinstance(version, int) or isinstance(version, bool):
        msg = f"version must be a whole number such as {default}, not {_shown(version)}"
        raise ValueError(msg)
    return data, version


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else f"{text[:40]}…"


def complaint(error: ValueError) -> str:
    """Return in one line why a record cannot be read; of a field's error, which field."""
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors()[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
