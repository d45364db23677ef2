"""Thinking tags: how many, and no answer before the thought is closed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ...nodes.dialects import Dialect
from ...trace import Trace
from ..transcript import model_text
from .base import Dimension


@dataclass(frozen=True)
class ThinkingTags:
    """At most `limit` closing tags of a thought, in dialects that have one."""

    name: ClassVar[str] = "thinking_tags"
    dimension: ClassVar[Dimension] = "format"
    source: ClassVar[str] = "SimpleDeepSearcher response_curation.py:115-116"

    limit: int = 2

    def reason(self, trace: Trace, dialect: Dialect) -> str | None:
        if dialect.thinking_close is None:
            return None
        count = model_text(trace).count(dialect.thinking_close)
        if count <= self.limit:
            return None
        return f"{count} × {dialect.thinking_close}, more than {self.limit}"


@dataclass(frozen=True)
class AnswerAfterThought:
    """No final answer in the text before the first closed thought."""

    name: ClassVar[str] = "answer_after_thought"
    dimension: ClassVar[Dimension] = "format"
    source: ClassVar[str] = "SimpleDeepSearcher format_filter.py:78-83 (boxed_error)"

    def reason(self, trace: Trace, dialect: Dialect) -> str | None:
        close = dialect.thinking_close
        if close is None:
            return None
        thought, found, _ = model_text(trace).partition(close)
        if not found:
            return None
        early = dialect.extract_answer(thought)
        return None if early is None else f"the answer {early!r} comes before {close}"
