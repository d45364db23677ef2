"""Extractive condenser: the sentences that share most words with the query.

Needs no model, costs milliseconds, and keeps evidence short enough for small contexts.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .base import Condensed, CondenseRequest

_SENTENCE_END = re.compile(r"(?<=[.!?])[\"')\]]?\s+(?=[\"'(\[A-Z0-9])|\n+")
_WORD = re.compile(r"\w+")

STOP_WORDS = frozenset(
    """a an and are as at be been by did do does for from had has have how in is it its of
    on or that the their this to was were what when where which who whom whose will
    with""".split()
)
"""Words too common to tell sentences apart."""

LAST_WORDS = 300
"""Characters at the end of the model's own text that say what it looks for, where a page is
opened without a goal."""

TITLE_WEIGHT = 0.5
"""How much a word of the page's title counts beside one of the sentence."""


@dataclass(frozen=True)
class _Sentence:
    document: int
    position: int
    text: str
    score: float


class ExtractiveCondenser:
    """Picks sentences by idf-weighted overlap with the query, up to a length.

    A page opened by its address has no query: its goal counts, else the question and what
    the model wrote last.
    """

    name = "extractive"

    def __init__(self, *, max_chars: int = 1200) -> None:
        self._max_chars = max_chars

    def condense(self, request: CondenseRequest, config: Any = None) -> Condensed:
        """Return `(i) Title: sentences` lines, best documents first; empty if no overlap."""
        chosen = self._choose(request)
        lines, used = [], []
        for index in dict.fromkeys(sentence.document for sentence in chosen):
            document = request.documents[index]
            own = sorted(
                (s for s in chosen if s.document == index), key=lambda s: s.position
            )
            text = " ".join(sentence.text for sentence in own)
            lines.append(f"({len(lines) + 1}) {document.title}: {text}")
            used.append(document.id)
        return Condensed("\n".join(lines), used=tuple(used))

    async def acondense(self, request: CondenseRequest, config: Any = None) -> Condensed:
        return self.condense(request, config)

    def _choose(self, request: CondenseRequest) -> list[_Sentence]:
        ranked = sorted(_score(request), key=lambda s: (-s.score, s.document, s.position))
        chosen: list[_Sentence] = []
        left = self._max_chars
        for sentence in ranked:
            new = all(other.document != sentence.document for other in chosen)
            title = len(request.documents[sentence.document].title) + 6 if new else 1
            if sentence.score <= 0 or (chosen and len(sentence.text) + title > left):
                continue
            chosen.append(sentence)
            left -= len(sentence.text) + title
        return chosen


def _score(request: CondenseRequest) -> list[_Sentence]:
    wanted = content_words(_wanted(request))
    if not wanted:
        return []
    found = [
        (index, position, sentence, content_words(sentence))
        for index, document in enumerate(request.documents)
        for position, sentence in enumerate(split_sentences(document.text))
    ]
    weights = _idf(wanted, [words for *_, words in found])
    titles = [content_words(document.title) for document in request.documents]
    return [
        _Sentence(
            index,
            position,
            text,
            sum(weights[w] for w in wanted & words)
            + TITLE_WEIGHT * sum(weights[w] for w in (wanted & titles[index]) - words),
        )
        for index, position, text, words in found
    ]


def _wanted(request: CondenseRequest) -> str:
    said = request.reasoning[-LAST_WORDS:]
    return request.query or request.goal or f"{request.question} {said}"


def _idf(wanted: set[str], sentences: Sequence[set[str]]) -> dict[str, float]:
    counts = Counter(word for words in sentences for word in wanted & words)
    return {w: math.log(1 + len(sentences) / (1 + counts[w])) for w in wanted}


def split_sentences(text: str) -> list[str]:
    r"""Split text into sentences; line breaks always end one.

    >>> split_sentences("It rained. He left.\nEnd")
    ['It rained.', 'He left.', 'End']
    """
    return [part.strip() for part in _SENTENCE_END.split(text) if part.strip()]


def content_words(text: str) -> set[str]:
    """Return the lower-cased words of a text without stop words."""
    return {w for w in _WORD.findall(text.lower()) if w not in STOP_WORDS}
