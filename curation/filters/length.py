"""Length of reasoning, in white-space separated words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ...nodes.dialects import Dialect
from ...trace import Trace
from ..transcript import turn_texts
from .base import Dimension


@dataclass(frozen=True)
class FirstReasonLength:
    """The first turn must be shorter than `words`."""

    name: ClassVar[str] = "first_reason_length"
    dimension: ClassVar[Dimension] = "path"
    source: ClassVar[str] = "SimpleDeepSearcher response_curation.py:413-423"

    words: int = 300

    def reason(self, trace: Trace, dialect: Dialect) -> str | None:
        turns = turn_texts(trace)
        count = len(turns[0].split()) if turns else 0
        if count < self.words:
            return None
        return f"the first turn has {count} words, {self.words} or more"


@dataclass(frozen=True)
class LongestReasonLength:
    """Every turn, the last included, must be shorter than `words`."""

    name: ClassVar[str] = "longest_reason_length"
    dimension: ClassVar[Dimension] = "path"
    source: ClassVar[str] = "SimpleDeepSearcher response_curation.py:385, 413-423"

    words: int = 300

    def reason(self, trace: Trace, dialect: Dialect) -> str | None:
        count = max((len(text.split()) for text in turn_texts(trace)), default=0)
        if count < self.words:
            return None
        return f"the longest turn has {count} words, {self.words} or more"


@dataclass(frozen=True)
class TotalLength:
    """The whole output, results included, must not exceed `words`."""

    name: ClassVar[str] = "total_length"
    dimension: ClassVar[Dimension] = "path"
    source: ClassVar[str] = "SimpleDeepSearcher format_filter.py:61-63 (len_error)"

    words: int = 3000

    def reason(self, trace: Trace, dialect: Dialect) -> str | None:
        count = len(trace.output_text.split())
        if count <= self.words:
            return None
        return f"the output has {count} words, more than {self.words}"
