"""Mixed languages, by script."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import ClassVar

from ...nodes.dialects import Dialect
from ...trace import Trace
from ..transcript import model_text, prose
from .base import Dimension

_ENDS = re.compile(r"(?<=[.!?])\s+|\n+|(?<=[\u3002\uff01\uff1f])")
"""Ends of sentences, and line breaks."""

_QUOTED = re.compile(
    r"\"[^\"\n]{1,300}\"|\u201c[^\u201d\n]{1,300}\u201d|\([^()\n]{1,300}\)|"
    r"\uff08[^\uff09\n]{1,300}\uff09|\u300a[^\u300b\n]{1,300}\u300b|"
    r"\u300c[^\u300d\n]{1,300}\u300d"
)
"""What stands in quotation marks or brackets: names, titles and words of a page."""

SCRIPTS = {
    "han": "\u4e00-\u9fff",
    "kana": "\u3040-\u30ff",
    "hangul": "\uac00-\ud7af",
    "cyrillic": "\u0400-\u04ff",
    "arabic": "\u0600-\u06ff",
    "devanagari": "\u0900-\u097f",
    "thai": "\u0e00-\u0e7f",
    "hebrew": "\u0590-\u05ff",
}
"""Script to its main Unicode block (Unicode 16 Blocks.txt). Greek is left out: its letters
are symbols in formulas."""

CLAUSE_LETTERS = 4
CLAUSE_SHARE = 0.5
"""Letters of foreign scripts, and their share of all letters, from which on a sentence with
East Asian punctuation and no Latin word but capitalised ones is written in such a script."""

_CLAUSE_MARK = re.compile(r"[\u3001\u3002\uff0c\uff01\uff1f\uff1b]")
"""The punctuation of East Asian sentences; names have none."""

_LATIN_WORD = re.compile(r"(?<![A-Za-z])[a-z]{2,}")
"""A word that is no name: the sentence around it is in a Latin script."""

_OTHER_SCRIPTS = re.compile(f"[{''.join(SCRIPTS.values())}]+")


@dataclass(frozen=True)
class MixedLanguage:
    """At most `limit` letters of a foreign script in what the model wrote.

    The reference drops any output with a character of U+4E00-9FFF, search results
    included; here only the model's text counts. A limit is for names: a sentence that has
    East Asian punctuation and half its letters or more in a foreign script is none, however
    short. Words in quotation marks or brackets, queries and other calls make no sentence.
    """

    name: ClassVar[str] = "mixed_language"
    dimension: ClassVar[Dimension] = "format"
    source: ClassVar[str] = "paper section 2.3; SimpleDeepSearcher format_filter.py:124-127"

    scripts: tuple[str, ...] = ("han",)
    limit: int = 0
    allows_question_script: bool = False
    """Whether a script that the question itself uses is no foreign one."""

    def reason(self, trace: Trace, dialect: Dialect) -> str | None:
        text = model_text(trace)
        if text.isascii():
            return None
        foreign = []
        for script in self.scripts:
            letters = _letters((script,))
            if self.allows_question_script and letters.search(trace.question):
                continue
            found = letters.findall(text)
            if len(found) > self.limit:
                return f"{len(found)} {script} characters, as {found[0]!r}"
            foreign += [script] if found else []
        clause = _clause(trace, tuple(foreign)) if foreign else None
        return f"a sentence in another script: {clause[:60]!r}" if clause else None


def sentences(text: str) -> Iterator[str]:
    """Yield a text's sentences and lines; some may be empty."""
    yield from _ENDS.split(text)


def unquoted(text: str) -> str:
    """Return the text without what it quotes.

    >>> unquoted('It is called "Das Boot" (1981).')
    'It is called    .'
    """
    return _QUOTED.sub(" ", text)


def without_names(sentence: str) -> str:
    """Return a sentence in a Latin script without its names in others, any other unchanged.

    >>> without_names("The film is \u9738\u738b\u522b\u59ec.")
    'The film is  .'
    """
    is_latin = not sentence.isascii() and _LATIN_WORD.search(sentence)
    return _OTHER_SCRIPTS.sub(" ", sentence) if is_latin else sentence


def _clause(trace: Trace, scripts: tuple[str, ...]) -> str | None:
    for segment in prose(trace):
        for sentence in sentences(unquoted(segment.text)):
            if _CLAUSE_MARK.search(sentence) and _is_foreign(sentence, scripts):
                return sentence.strip()
    return None


def _is_foreign(sentence: str, scripts: tuple[str, ...]) -> bool:
    if _LATIN_WORD.search(sentence):
        return False
    count = len(_letters(scripts).findall(sentence))
    letters = sum(character.isalpha() for character in sentence)
    return count >= CLAUSE_LETTERS and count >= CLAUSE_SHARE * letters


@cache
def _letters(scripts: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(f"[{''.join(SCRIPTS[script] for script in scripts)}]")
