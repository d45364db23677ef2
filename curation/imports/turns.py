"""Turns of a chat as a trace's segments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...nodes.dialects import Dialect
from ...trace import Segment


def prompt_length(messages: Sequence[Mapping[str, str]]) -> int:
    """Return how many messages a chat has before the model's first.

    Raises:
        ValueError: the model wrote none, or nothing stands before it.
    """
    for count, message in enumerate(messages):
        if message["role"] == "assistant":
            if count:
                return count
            break
    msg = "its messages hold no question followed by an assistant message"
    raise ValueError(msg)


def prompt_segments(messages: Sequence[Mapping[str, str]]) -> list[Segment]:
    """Return a prompt's messages as segments."""
    return [
        Segment(kind="prompt", speaker=m["role"], text=m["content"])  # type: ignore[arg-type]
        for m in messages
    ]


def own_prompt(dialect: Dialect, question: str) -> list[Segment]:
    """Return the dialect's prompt, for records that do not hold the one that was used."""
    segments = prompt_segments(dialect.prompt(question))
    if dialect.prefill and dialect.layout == "inline":
        opening = Segment(kind="prompt", speaker="assistant", text=dialect.prefill)
        segments.append(opening)
    return segments


def written(dialect: Dialect, text: str, turn: int) -> list[Segment]:
    """Return what the model wrote in a turn, cut at the dialect's parts."""
    return [
        Segment(
            kind=part.kind,
            speaker="assistant",
            text=text[part.start : part.end],
            trainable=True,
            turn=turn,
        )
        for part in dialect.split_turn(text)
    ]


def given(dialect: Dialect, text: str, turn: int, *, kind: Any = "result") -> Segment:
    """Return what the model was given after a turn."""
    return Segment(kind=kind, speaker=dialect.result_speaker, text=text, turn=turn)


def to_chat(segments: Sequence[Segment]) -> list[dict[str, str]]:
    """Return segments as chat messages: neighbours of one turn and speaker are one."""
    messages: list[dict[str, str]] = []
    previous = None
    for segment in segments:
        key = (segment.kind == "prompt", segment.turn, segment.speaker)
        if messages and key == previous and segment.kind != "prompt":
            messages[-1]["content"] += segment.text
        else:
            messages.append({"role": segment.speaker, "content": segment.text})
        previous = key
    return messages
