r"""Halves of characters, which JSON can escape and UTF-8 cannot hold.

A model that broke off in an emoji, or a cut file, leaves `"\ud83d"`: valid JSON, but no text
that can be written again. It is mended where it enters.
"""

from __future__ import annotations

import json
import re
from typing import Any

_ESCAPED = re.compile(r"\\u[dD][89a-fA-F]")
_HALF = re.compile("[\ud800-\udfff]")


def load_json(text: str | bytes) -> Any:
    r"""Return what JSON says, each lone half of a character replaced by `\ufffd`.

    Args:
        text: JSON; bytes are UTF-8.

    Raises:
        ValueError: it is no JSON, or not UTF-8.

    >>> load_json(r'{"a": "\ud83d", "b": "\ud83d\ude00"}')
    {'a': '�', 'b': '😀'}
    """
    source = text.decode("utf-8-sig") if isinstance(text, bytes) else text
    value = json.loads(source)
    # Text that was UTF-8 has halves only where they are escaped.
    return whole_characters(value) if _ESCAPED.search(source) else value


def whole_characters(value: Any) -> Any:
    """Return plain data with each lone half of a character replaced, pairs joined."""
    if isinstance(value, str):
        return _whole(value) if _HALF.search(value) else value
    if isinstance(value, dict):
        return {whole_characters(k): whole_characters(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set):
        return type(value)(map(whole_characters, value))
    return value


def _whole(text: str) -> str:
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
