"""What constrained decoding makes of a reply: the nearest object that fits the schema.

A stand-in for a server's grammar, which lets a model write nothing else.
"""

from __future__ import annotations

import json
from typing import Any


def hold(reply: str, schema: dict[str, Any]) -> str:
    """Return the reply's object, bent to the schema; what is missing is made up."""
    start = reply.find("{")
    try:
        found = json.JSONDecoder().raw_decode(reply, start)[0] if start >= 0 else None
    except ValueError:
        found = None
    return json.dumps(_fit(found, schema), ensure_ascii=False)


def _fit(value: Any, schema: dict[str, Any]) -> Any:
    fitting = {"object": _object, "array": _array, "boolean": _boolean, "string": _string}
    return fitting[schema["type"]](value, schema)


def _object(value: Any, schema: dict[str, Any]) -> dict[str, Any]:
    given = value if isinstance(value, dict) else {}
    return {n: _fit(given.get(n), inner) for n, inner in schema["properties"].items()}


def _array(value: Any, schema: dict[str, Any]) -> list[Any]:
    given = list(value) if isinstance(value, list) else []
    given += [None] * (schema.get("minItems", 0) - len(given))
    return [_fit(one, schema["items"]) for one in given[: schema.get("maxItems")]]


def _boolean(value: Any, schema: dict[str, Any]) -> bool:
    return value is True


def _string(value: Any, schema: dict[str, Any]) -> str:
    text = value if isinstance(value, str) else ""
    if "enum" in schema:
        return text if text in schema["enum"] else schema["enum"][0]
    return text[: schema.get("maxLength")] or "x" * schema.get("minLength", 0)
