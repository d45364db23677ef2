"""The records of a file, JSON Lines or one JSON array, with the line each stands on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...errors import DeepSearchError
from ...surrogates import load_json


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
    number = 0
    try:
        for number, record in _records(path):
            yield number, record
    except UnicodeDecodeError as error:
        msg = f"{path}: not UTF-8 text ({error}); save it as UTF-8"
        raise ImportFileError(msg) from error
    if not number:
        msg = f"{path} holds no records: nothing to import"
        raise ImportFileError(msg)


def _records(path: Path) -> Iterator[tuple[int, Any]]:
    with path.open(encoding="utf-8-sig") as file:
        is_array = _first_character(file.readline) == "["
        file.seek(0)
        yield from _array(file.read(), path) if is_array else _lines(file, path)


def _first_character(next_line: Any) -> str:
    while line := next_line():
        if stripped := line.lstrip():
            return stripped[0]
    return ""


def _array(text: str, path: Path) -> Iterator[tuple[int, Any]]:
    try:
        yield from enumerate(load_json(text), 1)
    except json.JSONDecodeError as error:
        msg = f"{path}: not valid JSON ({error}); mend the file"
        raise ImportFileError(msg) from error


def _lines(lines: Any, path: Path) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            record = load_json(line)
        except json.JSONDecodeError as error:
            msg = f"{path}:{number}: not valid JSON ({error.msg}); mend that line"
            raise ImportFileError(msg) from error
        yield number, record
