"""A trace as chat messages."""

from __future__ import annotations

from ...nodes.dialects import dialect_of
from ...trace import Trace


def to_messages(trace: Trace) -> list[dict[str, str]]:
    """Return the run as `role` and `content`.

    An inline dialect's run is one assistant message, results inside it: they carry no
    speaker of their own there, so a trainer of this format trains on them too unless it
    masks by the tags. A turn dialect's results are messages of their own.
    """
    messages = trace.prompt_messages
    output = [s for s in trace.segments if s.kind != "prompt"]
    if dialect_of(trace).layout == "inline":
        text = "".join(s.text for s in output)
        return [*messages, {"role": "assistant", "content": text}] if output else messages
    previous = None
    for segment in output:
        if segment.speaker == previous:
            messages[-1]["content"] += segment.text
        else:
            messages.append({"role": segment.speaker, "content": segment.text})
        previous = segment.speaker
    return messages


def mixes_speakers(trace: Trace) -> bool:
    """Return whether an assistant's message holds text that the model did not write."""
    if dialect_of(trace).layout != "inline":
        return False
    return any(s.kind != "prompt" and not s.trainable for s in trace.segments)
