"""Earlier thoughts: what a reasoning model is not shown of its own past turns.

Reasoning models were trained on chats whose earlier thoughts are gone. To sample their runs
(WebDancer's long chain of thought) the thought of a turn is left out of every later call; the
trace keeps it, since it is what a model is to learn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import DeepSearchError
from .dialects import Dialect
from .insertion import SegmentDict, inserted_tokens


class ThoughtsError(DeepSearchError):
    """Earlier thoughts cannot be left out in this dialect."""


def check_thoughts(dialect: Dialect, *, keeps: bool) -> None:
    """Refuse a run whose earlier thoughts cannot be told from the rest.

    Raises:
        ThoughtsError: one thought spans the dialect's turns, or the harness opens it.
    """
    if keeps or (dialect.turn_thought is not None and not dialect.prefill):
        return
    msg = (
        f"keep_thoughts=false needs a dialect in which every turn has a thought of its own, "
        f"opened by the model (web_dancer, search_r1, o2_searcher, …); {dialect.name!r} is "
        "none"
    )
    raise ThoughtsError(msg)


def seen(run: Mapping[str, Any], segments: Sequence[SegmentDict]) -> Sequence[SegmentDict]:
    """Return the transcript as the model is to see it."""
    if run["settings"].get("keep_thoughts", True):
        return segments
    return without_thoughts(segments)


def without_thoughts(segments: Sequence[SegmentDict]) -> list[SegmentDict]:
    """Return a transcript less the thoughts of turns that went on to do something.

    A turn that only thought stays, or it would be an empty message.
    """
    acted = {
        segment["turn"]
        for segment in segments
        if segment.get("trainable") and segment["kind"] != "reason"
    }
    return [
        segment
        for segment in segments
        if not (
            segment.get("trainable")
            and segment["kind"] == "reason"
            and segment["turn"] in acted
        )
    ]


def context_tokens(prompt_tokens: int, turn: Sequence[SegmentDict]) -> int:
    """Return the transcript's length for the next call, whose model sees no thought.

    Args:
        prompt_tokens: of the call that wrote the turn.
        turn: the turn's segments.
    """
    return prompt_tokens + inserted_tokens(without_thoughts(turn))
