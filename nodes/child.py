"""The record of a model call inside a step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..trace import ChildRecord, Segment
from .models.base import Generation


def call_record(
    step: str,
    turn: int,
    model: str,
    messages: Sequence[Mapping[str, str]],
    *,
    seconds: float,
    generation: Generation | None = None,
    error: str | None = None,
) -> ChildRecord:
    """Return the record of one call: what was asked, and what came of it.

    Args:
        step: which step asked.
        turn: the run's turn.
        model: the model's name.
        messages: what it was asked.
        seconds: how long it took.
        generation: its reply, None where the call failed.
        error: why it failed.
    """
    segments = [
        Segment(kind="prompt", speaker=m["role"], text=m["content"])  # type: ignore[arg-type]
        for m in messages
    ]
    record = ChildRecord(
        step=step, turn=turn, model=model, segments=segments, seconds=seconds, error=error
    )
    if generation is None:
        return record
    record.segments.append(
        Segment(
            kind="answer",
            speaker="assistant",
            text=generation.text,
            trainable=True,
            turn=turn,
            token_ids=generation.token_ids,
        )
    )
    record.prompt_tokens = generation.prompt_tokens
    record.completion_tokens = generation.completion_tokens
    return record
