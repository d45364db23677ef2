"""Degenerate repetition that a rule on single trigrams cannot see."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ...evals.metrics import tokens
from ...nodes.dialects import Dialect
from ...trace import Trace
from ..transcript import turn_texts
from .base import Dimension

LONG_WORD = 200
"""Characters from which on a word is looked at alone: "hahaha…" has no n-grams."""

WORD_COMPRESSION = 5.0
"""How many times smaller zlib may make such a word; an address stays below 2."""


@dataclass(frozen=True)
class DegenerateRepetition:
    """Few of a turn's words may stand in a stretch that the turn has written before.

    A sentence of 14 words written 200 times passes the trigram rule (each of its trigrams
    is 7 % of all) and repeats in 99 % of its words. In scripts without spaces a character
    is a word.

    Attributes:
        share: most repeated words of a turn, as a share. Real rollouts of R1-Searcher's,
            WebDancer's and O2-Searcher's reach 0.51.
        run_share: the same over all turns of a run, where facts and plans are rightly
            said again (real rollouts reach 0.80).
        size: words of a stretch.
        min_words: shorter texts are not judged.
    """

    name: ClassVar[str] = "degenerate_repetition"
    dimension: ClassVar[Dimension] = "path"
    source: ClassVar[str] = (
        "share of text in duplicate n-grams as in Gopher, arXiv 2112.11446, table A1; WebDancer's "
        "n-gram quality filter; limits ours"
    )

    share: float = 0.6
    run_share: float = 0.85
    size: int = 8
    min_words: int = 40

    def reason(self, trace: Trace, dialect: Dialect) -> str | None:
        turns = [tokens(text.lower()) for text in turn_texts(trace)]
        for number, words in enumerate(turns, 1):
            if stuck := _stuck_word(words):
                return f"the word {stuck[:20]}… in turn {number} repeats itself"
            share = self._repeated(words)
            if share > self.share:
                return f"{share:.0%} of turn {number} repeats what it said before"
        share = self._repeated([word for words in turns for word in words])
        if share > self.run_share:
            return f"{share:.0%} of the run repeats what it said before"
        return None

    def _repeated(self, words: Sequence[str]) -> float:
        return repeated_share(words, self.size) if len(words) >= self.min_words else 0.0


def repeated_share(words: Sequence[str], size: int) -> float:
    """Return the share of words inside n-grams that came before.

    >>> repeated_share("a b c d a b c".split(), 3)
    0.42857142857142855
    """
    seen: set[tuple[str, ...]] = set()
    repeated = end = 0
    for start, gram in enumerate(zip(*(words[i:] for i in range(size)), strict=False)):
        if gram in seen:
            repeated += start + size - max(start, end)
            end = start + size
        seen.add(gram)
    return repeated / len(words) if words else 0.0


def _stuck_word(words: Sequence[str]) -> str | None:
    for word in words:
        if len(word) >= LONG_WORD:
            data = word.encode()
            if len(data) > WORD_COMPRESSION * len(zlib.compress(data)):
                return word
    return None
