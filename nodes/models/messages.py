"""From segments to chat messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from .base import Layout, SegmentDict

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
    prompt = list(takewhile(lambda segment: segment["kind"] == "prompt", segments))
    asked = [segment for segment in prompt if segment["speaker"] != "assistant"]
    messages = [_message(segment["speaker"], segment["text"]) for segment in asked]
    begun = [segment["text"] for segment in prompt if segment["speaker"] == "assistant"]
    # Every turn asks for the whole transcript: the rest is joined without a look at it.
    text = "".join([*begun, *[segment["text"] for segment in segments[len(prompt) :]]])
    return [*messages, AIMessage(text)] if text else messages


def transcript_messages(
    segments: Sequence[SegmentDict], layout: Layout
) -> list[BaseMessage]:
    """Return the transcript for a model that continues its own text, by its layout."""
    if layout == "inline":
        return to_messages(segments)
    return to_turns(segments, keeps_speakers=True)


def without_opening(segments: Sequence[SegmentDict]) -> list[SegmentDict]:
    """Return the transcript less an opening of the turn that the model is to write."""
    end = len(segments)
    while end and segments[end - 1]["speaker"] == "assistant":
        if segments[end - 1].get("trainable"):
            break
        end -= 1
    return list(segments[:end])


def to_turns(
    segments: Sequence[SegmentDict], *, keeps_speakers: bool = False
) -> list[BaseMessage]:
    """Return the transcript as alternating chat turns; results are the user's.

    The form a chat-only model gets. Neighbours of one speaker are merged, since many
    templates refuse two turns of one role in a row.

    Args:
        segments: the transcript.
        keeps_speakers: whether what the harness put into the assistant's turn stays
            there (dialects with turns); else everything not written by the model is the
            user's.
    """
    merged: list[dict[str, str]] = []
    for segment in segments:
        role = _role(segment)
        if keeps_speakers and segment["speaker"] == "assistant":
            role = "assistant"
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
