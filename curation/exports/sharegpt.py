"""ShareGPT: JSON Lines of `conversations`."""

from __future__ import annotations

from typing import Any

from ...trace import Trace
from .messages import to_messages

SPEAKERS = {"system": "system", "user": "human", "assistant": "gpt", "tool": "observation"}
"""Role to the format's name for it; `observation` is LLaMA-Factory's for a tool result."""


def to_sharegpt(trace: Trace) -> dict[str, Any]:
    """Return one record."""
    conversations = [
        {"from": SPEAKERS[message["role"]], "value": message["content"]}
        for message in to_messages(trace)
    ]
    return {"id": trace.id, "conversations": conversations}
