"""From segments to chat messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from .base import SegmentDict

ROLES = {"human": "user", "ai": "assistant", "system": "system", "tool": "tool"}
"""LangChain's message types and the roles of chat APIs."""


def to_dicts(messages: Sequence[BaseMessage]) -> list[dict[str, str]]:
    """Return LangChain messages as `role` and `content`.

    Raises:
        ValueError: a message of a type that chat APIs have no role for.
    """
    chat = []
    for message in messages:
        role = ROLES.get(message.type) or getattr(message, "role", None)
        if role is None:
            msg = f"a {message.type} message cannot be sent to a model"
            raise ValueError(msg)
        chat.append({"role": role, "content": str(message.text)})
    return chat


def to_messages(segments: Sequence[SegmentDict]) -> list[BaseMessage]:
    """Return the prompt's messages and everything after it as one assistant message.

    The form a model gets that continues its own text; results stand inside that text.
    """
    prompt = [s for s in segments if s["kind"] == "prompt" and s["speaker"] != "assistant"]
    text = "".join(s["text"] for s in segments if s not in prompt)
    messages = [_message(s["speaker"], s["text"]) for s in prompt]
    return [*messages, AIMessage(text)] if text else messages


def to_turns(segments: Sequence[SegmentDict]) -> list[BaseMessage]:
    """Return the transcript as alternating chat turns; results are the user's.

    The form a chat-only model gets. Neighbours of one speaker are merged, since many
    templates refuse two turns of one role in a row.
    """
    merged: list[dict[str, str]] = []
    for segment in segments:
        role = _role(segment)
        if merged and merged[-1]["role"] == role:
            merged[-1]["text"] += segment["text"]
        else:
            merged.append({"role": role, "text": segment["text"]})
    return [_message(turn["role"], turn["text"]) for turn in merged]


def _role(segment: Mapping[str, Any]) -> str:
    if segment["kind"] == "prompt" or segment.get("trainable"):
        return segment["speaker"]
    return "user"


def _message(role: str, text: str) -> BaseMessage:
    if role == "system":
        return SystemMessage(text)
    return AIMessage(text) if role == "assistant" else HumanMessage(text)
