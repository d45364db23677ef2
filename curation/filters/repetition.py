"""Degenerate repetition."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import ClassVar

from ...nodes.dialects import Dialect
from ...trace import Trace
from ..transcript import turn_texts, words_of
from .base import Dimension


@dataclass(frozen=True)
class RepeatedTrigrams:
    """No word n-gram may be more than `share` of all n-grams of a turn.

    Turns of fewer than `min_words` words are not judged: there one n-gram is a large
    share without any repetition (three words are one n-gram, which is all of them). In
    scripts without spaces a character is a word.
    """

    name: ClassVar[str] = "repeated_trigrams"
    dimension: ClassVar[Dimension] = "path"
    source: ClassVar[str] = "SimpleDeepSearcher response_curation.py:198-239"

    share: float = 0.3
    size: int = 3
    min_words: int = 12
    by_spaces: bool = False
    """Whether words are what white space separates, in any script."""

    def reason(self, trace: Trace, dialect: Dialect) -> str | None:
        for number, text in enumerate(turn_texts(trace), 1):
            words = words_of(text, by_spaces=self.by_spaces)
            if len(words) < self.min_words:
                continue
            grams = Counter(zip(*(words[i:] for i in range(self.size)), strict=False))
            gram, count = grams.most_common(1)[0]
            if count / grams.total() > self.share:
                return f"{' '.join(gram)!r} is {count} of {grams.total()} in turn {number}"
        return None
