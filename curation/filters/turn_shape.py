"""The shape of the transcript: searches, then one answer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from ...nodes.dialects import Dialect
from ...trace import Segment, Trace
from ..transcript import THINKING_OPENERS, answer_tags, written_turns
from .base import Dimension


@dataclass(frozen=True)
class TurnShape:
    """Every turn but the last ends in one action; the last holds the answer, no other tag.

    `thinking="required"`: where the dialect has a closing thinking tag, the last turn
    holds it exactly once and no other turn holds it (the reference's rule, by which a
    model that does not think aloud can give no sample). `optional` lets such runs pass.
    """

    name: ClassVar[str] = "turn_shape"
    dimension: ClassVar[Dimension] = "format"
    source: ClassVar[str] = "SimpleDeepSearcher response_curation.py:241-297"

    thinking: Literal["required", "optional"] = "required"

    def reason(self, trace: Trace, dialect: Dialect) -> str | None:
        if trace.stop_reason != "answered":
            return f"the run ended by {trace.stop_reason}, not by an answer of its own"
        turns = written_turns(trace)
        if not turns:
            return "the model wrote nothing"
        problems = (self._step(turn, dialect) for turn in turns[:-1])
        for turn, problem in zip(turns, problems, strict=False):
            if problem:
                return f"turn {turn[0].turn}: {problem}"
        return self._final(turns[-1], dialect)

    def _step(self, turn: Sequence[Segment], dialect: Dialect) -> str | None:
        *reasons, last = turn
        if last.kind not in ("query", "call", "recall"):
            return "neither a search nor another action at its end"
        if dialect.parse(last.text).kind in ("answer", "invalid"):
            return "its action cannot be parsed"
        stray = _stray(reasons, dialect, ())
        if stray is None:
            once = (tag for tag in dialect.tags if tag not in dialect.repeatable_tags)
            stray = next((tag for tag in once if last.text.count(tag) > 1), None)
        if stray:
            return f"stray {stray}"
        if self._requires(dialect) and _thoughts_closed(turn, dialect):
            return f"{dialect.thinking_close} before the last turn"
        return None

    def _final(self, turn: Sequence[Segment], dialect: Dialect) -> str | None:
        if turn[-1].kind != "answer":
            return "no final answer in the last turn"
        stray = _stray(turn[:-1], dialect, ()) or _stray(
            turn[-1:], dialect, answer_tags(dialect)
        )
        if stray:
            return f"stray {stray} in the last turn"
        if self._requires(dialect) and (count := _thoughts_closed(turn, dialect)) != 1:
            return f"{count} × {dialect.thinking_close} in the last turn, expected 1"
        return None

    def _requires(self, dialect: Dialect) -> bool:
        return self.thinking == "required" and dialect.thinking_close is not None


def _stray(
    segments: Sequence[Segment], dialect: Dialect, allowed: Iterable[str]
) -> str | None:
    thought = (dialect.thinking_close, *(dialect.turn_thought or ()))
    fine = {*allowed, *THINKING_OPENERS, *thought}
    tags = [tag for tag in dialect.tags if tag not in fine]
    return next((tag for s in segments for tag in tags if tag in s.text), None)


def _thoughts_closed(turn: Sequence[Segment], dialect: Dialect) -> int:
    return "".join(s.text for s in turn).count(dialect.thinking_close or "\0")
