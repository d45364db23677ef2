"""The records of a file, JSON Lines or one JSON array, with the line each stands on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...errors import DeepSearchError


class ImportFileError(DeepSearchError):
    """A file to import is absent, or a record of it has not the source's form."""


def read_records(path: Path) -> Iterator[tuple[int, Any]]:
    """Yield every record with its line number, or its position in an array, from 1.

    Raises:
        ImportFileError: the file is absent, empty or not JSON; the message names the line.
    """
    if not path.is_file():
        msg = f"no file at {path}: check the path"
        raise ImportFileError(msg)
    with path.open(encoding="utf-8-sig") as file:
        is_array = _first_character(file.readline) == "["
        file.seek(0)
        records = _array(file.read(), path) if is_array else _lines(file, path)
        number = 0
        for number, record in records:
            yield number, record
    if not number:
        msg = f"{path} holds no records: nothing to import"
        raise ImportFileError(msg)


def _first_character(next_line: Any) -> str:
    while line := next_line():
        if stripped := line.lstrip():
            return stripped[0]
    return ""


def _array(text: str, path: Path) -> Iterator[tuple[int, Any]]:
    try:
        yield from enumerate(json.loads(text), 1)
    except json.JSONDecodeError as error:
        msg = f"{path}: not valid JSON ({error}); mend the file"
        raise ImportFileError(msg) from error


def _lines(lines: Any, path: Path) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            yield number, json.loads(line)
        except json.JSONDecodeError as error:
            msg = f"{path}:{number}: not valid JSON ({error.msg}); mend that line"
            raise ImportFileError(msg) from error
