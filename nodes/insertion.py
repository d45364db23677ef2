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


CUT_MARK = " …"
"""Stands where evidence was cut."""


def shortened(evidence: str, taken: int, room: int | None) -> str | None:
    """Return evidence cut so that the message made of it may fit the context.

    What stands around it takes tokens too, so a long one is cut several times.

    Args:
        evidence: the text, unwrapped.
        taken: tokens of the message.
        room: tokens left for it, None where that is not known.

    Returns:
        The shorter text; None where the message fits or there is nothing to cut.

    >>> shortened("one two three four", taken=10, room=5)
    'one two t …'
    """
    if room is None or taken <= room or not evidence:
        return None
    whole = evidence.removesuffix(CUT_MARK)
    keep = min(len(whole) * room // taken, len(whole) * 7 // 8)
    return whole[:keep].rstrip() + CUT_MARK if keep else ""


def shrunk(message: str, dialect: Dialect, share: float) -> str | None:
    """Return a result's message with a share of its evidence, None where it shows none."""
    before, _, after = dialect.wrap_result(CUT_MARK).partition(CUT_MARK)
    end = message.rfind(after)
    evidence = message[len(before) : end].removesuffix(CUT_MARK)
    keep = int(len(evidence) * share)
    if not message.startswith(before) or not keep:
        return None
    return f"{before}{evidence[:keep].rstrip()}{CUT_MARK}{message[end:]}"


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
