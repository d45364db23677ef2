"""Cutting a turn's text into parts."""

from __future__ import annotations

from typing import Literal

from ..base import TurnPart


def last_part(
    kind: Literal["query", "call", "answer", "recall"], start: int, end: int
) -> list[TurnPart]:
    """Return a turn that reasons up to `start` and ends with a part of that kind."""
    last = TurnPart(kind, start, end)
    return [TurnPart("reason", 0, start), last] if start else [last]
