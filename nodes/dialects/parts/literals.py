"""Values that models write as text: in JSON, or in Python's form."""

from __future__ import annotations

import ast
import json
from typing import Any


def read_literal(text: str) -> Any:
    """Return the value that a text is in Python's form, None where it is none."""
    try:
        return ast.literal_eval(text.strip().strip("`").strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        return None


def read_literal_list(text: str) -> list[Any] | None:
    """Return the list that a text is in Python's form, None where it is none.

    >>> read_literal_list("[{'a': 1}]"), read_literal_list("(1) Peru: a country")
    ([{'a': 1}], None)
    """
    found = read_literal(text)
    return found if isinstance(found, list) else None


def read_json_list(text: str) -> list[Any] | None:
    """Return the list that a text is in JSON, None where it is none.

    >>> read_json_list('[{"a": 1}]'), read_json_list("7")
    ([{'a': 1}], None)
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, list) else None
