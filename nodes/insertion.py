"""Insertion: what the harness puts into the transcript, ready for the model to go on.

Inline, that is text inside the model's own. In a dialect with turns it is a message, and
the model's next turn is opened after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .budget import estimate_tokens
from .dialects import Dialect
from .models.base import Reasoner

SegmentDict = dict[str, Any]


def insert(
    reasoner: Reasoner, dialect: Dialect, segment: SegmentDict, *, opens: int
) -> list[SegmentDict]:
    """Return the segments that place a message in the transcript, with their ids.

    Args:
        reasoner: gives the ids.
        dialect: says whether it is a message of its own.
        segment: the message.
        opens: the model turn that follows.
    """
    if dialect.layout == "inline":
        return [_with_ids(segment, reasoner.encode(segment["text"]))]
    ids = reasoner.encode_turn(segment["text"], segment["speaker"])
    opening = _opening(dialect, opens)
    placed = [_with_ids(segment, ids)]
    return placed + [_with_ids(one, reasoner.encode(one["text"])) for one in opening]


async def ainsert(
    reasoner: Reasoner, dialect: Dialect, segment: SegmentDict, *, opens: int
) -> list[SegmentDict]:
    """Async version of `insert`."""
    if dialect.layout == "inline":
        return [_with_ids(segment, await reasoner.aencode(segment["text"]))]
    ids = await reasoner.aencode_turn(segment["text"], segment["speaker"])
    opening = _opening(dialect, opens)
    placed = [_with_ids(segment, ids)]
    return placed + [_with_ids(one, await reasoner.aencode(one["text"])) for one in opening]


def inserted_tokens(segments: Sequence[SegmentDict]) -> int:
    """Return how many tokens inserted segments take, estimated where none are known."""
    return sum(
        len(s["token_ids"]) if "token_ids" in s else estimate_tokens(s["text"])
        for s in segments
    )


def _opening(dialect: Dialect, turn: int) -> list[SegmentDict]:
    if not dialect.prefill:
        return []
    opening = {
        "kind": "notice",
        "speaker": "assistant",
        "text": dialect.prefill,
        "trainable": False,
        "turn": turn,
    }
    return [opening]


def _with_ids(segment: SegmentDict, ids: list[int] | None) -> SegmentDict:
    return segment if ids is None else {**segment, "token_ids": ids}
