"""Reflection words: alternatively, hmm, wait."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import ClassVar

from ...nodes.dialects import Dialect
from ...trace import Trace
from ..transcript import model_text, turn_texts
from .base import Dimension


@cache
def _whole_word(word: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(word)}(?!\w)", re.IGNORECASE)


def count_word(word: str, text: str) -> int:
    """Count a whole word in any case.

    The reference counts parts of words in one case, so "Wait" escapes it and "Kuwait"
    does not.

    >>> count_word("wait", "Wait, Kuwait awaiting … wait")
    2
    """
    return len(_whole_word(word).findall(text))


@dataclass(frozen=True)
class ReflectionWord:
    """Base: at most `limit` uses of a reflection word in any turn of the model's text."""

    name: ClassVar[str]
    word: ClassVar[str]
    dimension: ClassVar[Dimension] = "path"
    source: ClassVar[str]

    limit: int = 3

    def reason(self, trace: Trace, dialect: Dialect) -> str | None:
        for number, text in enumerate(turn_texts(trace), 1):
            count = count_word(self.word, text)
            if count > self.limit:
                return f"{count} × {self.word!r} in turn {number}, more than {self.limit}"
        return None


@dataclass(frozen=True)
class Alternatively(ReflectionWord):
    """Few turns to an alternative; the reference counts the capitalised word alone."""

    name: ClassVar[str] = "alternatively"
    word: ClassVar[str] = "alternatively"
    source: ClassVar[str] = "SimpleDeepSearcher response_curation.py:397"


@dataclass(frozen=True)
class Hmm(ReflectionWord):
    """Little hesitation; the reference counts lower case alone."""

    name: ClassVar[str] = "hmm"
    word: ClassVar[str] = "hmm"
    source: ClassVar[str] = "SimpleDeepSearcher response_curation.py:398"


@dataclass(frozen=True)
class Wait(ReflectionWord):
    """Few second thoughts; the reference counts lower case alone, in "Kuwait" too."""

    name: ClassVar[str] = "wait"
    word: ClassVar[str] = "wait"
    source: ClassVar[str] = "SimpleDeepSearcher response_curation.py:399"


REFLECTIONS = ("alternatively", "wait", "hmm", "actually", "double-check", "let me verify")
"""Words of rethinking: the paper's three (Table 5 and the reference's counters), and three
that reasoning models use alike."""


def count_reflections(text: str) -> int:
    """Count the words of rethinking in a text, whole and in any case.

    >>> count_reflections("Hmm, actually I should double-check that.")
    3
    """
    return len(_any_of(REFLECTIONS).findall(text))


@cache
def _any_of(words: tuple[str, ...]) -> re.Pattern[str]:
    joined = "|".join(re.escape(word) for word in words)
    return re.compile(rf"(?<!\w)(?:{joined})(?!\w)", re.IGNORECASE)


@dataclass(frozen=True)
class Reflects:
    """The run rethinks at least once: what the reflective preset wants to teach.

    Attributes:
        least: fewest words of rethinking in the run.
    """

    name: ClassVar[str] = "reflects"
    dimension: ClassVar[Dimension] = "path"
    source: ClassVar[str] = (
        "SimpleDeepSearcher's 0.8k set (richer reflection and rethinking); limit ours"
    )

    least: int = 1

    def reason(self, trace: Trace, dialect: Dialect) -> str | None:
        count = count_reflections(model_text(trace))
        if count >= self.least:
            return None
        return f"{count} words of rethinking, fewer than {self.least}"


@dataclass(frozen=True)
class AlternativelyTotal:
    """At most `limit` times "alternatively" in the whole of the model's text.

    The reference counts in the search results too; a page is not the model's path.
    """

    name: ClassVar[str] = "alternatively_total"
    dimension: ClassVar[Dimension] = "path"
    source: ClassVar[str] = "SimpleDeepSearcher format_filter.py:101-106 (words_error)"

    limit: int = 3

    def reason(self, trace: Trace, dialect: Dialect) -> str | None:
        count = count_word("alternatively", model_text(trace))
        if count <= self.limit:
            return None
        return f"{count} × 'alternatively' in all, more than {self.limit}"
