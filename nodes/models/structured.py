"""How a server is asked to hold a reply to a JSON schema (constrained decoding)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def response_format(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the request's `response_format`.

    OpenAI's field. vLLM takes it on both routes, whatever its version calls its own
    (`guided_json`, now `structured_outputs`; vllm/entrypoints/openai/*/protocol.py).

    >>> response_format({"type": "object"})["type"]
    'json_schema'
    """
    described = {"name": "reply", "schema": dict(schema), "strict": True}
    return {"type": "json_schema", "json_schema": described}
