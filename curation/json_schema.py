"""JSON schemas of the small objects that models are asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

LONGEST_WORDS = 60
"""Characters of a label."""

Schema = Mapping[str, Any]


def object_of(**fields: Schema) -> dict[str, Any]:
    """Return the schema of an object with exactly these fields, in this order.

    >>> object_of(fits={"type": "boolean"})["required"]
    ['fits']
    """
    return {
        "type": "object",
        "properties": dict(fields),
        "required": list(fields),
        "additionalProperties": False,
    }


def label(choices: Sequence[str] = ()) -> dict[str, Any]:
    """Return the schema of a label: one of the choices, or any short text."""
    if choices:
        return {"type": "string", "enum": list(choices)}
    return {"type": "string", "minLength": 1, "maxLength": LONGEST_WORDS}


def labels(least: int, most: int) -> dict[str, Any]:
    """Return the schema of a list of short texts."""
    return {"type": "array", "items": label(), "minItems": least, "maxItems": most}
