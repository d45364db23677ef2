"""OpenAI's fine-tuning format: JSON Lines of `messages`."""

from __future__ import annotations

from typing import Any

from ...trace import Trace
from .messages import to_messages


def to_openai(trace: Trace) -> dict[str, Any]:
    """Return one record."""
    return {"messages": to_messages(trace)}
