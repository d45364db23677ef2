"""Length of reasoning, in words; in scripts without spaces a character is a word."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ...nodes.dialects import Dialect
from ...trace import Trace
from ..transcript import turn_texts, words_of
from .base import Dimension


@dataclass(frozen=True)
class _Length:
    """Base: counts words, by white space alone if so set."""

    words: int
    by_spaces: bool = False
    """Whether words are what white space separates, in any script."""

    def _length(self, text: str) -> int:
        return len(words_of(text, by_spaces=self.by_spaces))


@dataclass(frozen=True)
class FirstReasonLength(_Length):
    """The first turn must be shorter than `words`."""

    name: ClassVar[str] = "first_reason_length"
    dimension: ClassVar[Dimension] = "path"
    source: ClassVar[str] = "SimpleDeepSearcher response_curation.py:413-423"

    words: int = 300

    def reason(self, trace: Trace, dialect: Dialect) -> str | None:
        turns = turn_texts(trace)
        count = self._length(turns[0]) if turns else 0
        if count < self.words:
            return None
        return f"the first turn has {count} words, {self.words} or more"


@dataclass(frozen=True)
class LongestReasonLength(_Length):
    """Every turn, the last included, must be shorter than `words`."""

    name: ClassVar[str] = "longest_reason_length"
    dimension: ClassVar[Dimension] = "path"
    source: ClassVar[str] = "SimpleDeepSearcher response_curation.py:385, 413-423"

    words: int = 300

    def reason(self, trace: Trace, dialect: Dialect) -> str | None:
        count = max(map(self._length, turn_texts(trace)), default=0)
        if count < self.words:
            return None
        return f"the longest turn has {count} words, {self.words} or more"


@dataclass(frozen=True)
class TotalLength(_Length):
    """The whole output, results included, must not exceed `words`."""

    name: ClassVar[str] = "total_length"
    dimension: ClassVar[Dimension] = "path"
    source: ClassVar[str] = "SimpleDeepSearcher format_filter.py:61-63 (len_error)"

    words: int = 3000

    def reason(self, trace: Trace, dialect: Dialect) -> str | None:
        count = self._length(trace.output_text)
        if count <= self.words:
            return None
        return f"the output has {count} words, more than {self.words}"
