"""Spans to mask by rules: names, dates and numbers, where no model can name them.

A stand-in for the model that names key spans (MaskSearch's is qwen-turbo): it knows names
by their capitals alone, so it serves English prose such as the desk world's.
"""

from __future__ import annotations

import re

from ..asking import Asker, TokenCount
from .checks import STOP_WORDS

MONTHS = (
    "January|February|March|April|May|June|July|August|September|October|November|December"
)

_DATE = re.compile(
    rf"\b(?:\d{{1,2}} (?:{MONTHS}) \d{{4}}|(?:{MONTHS}) \d{{1,2}}, \d{{4}})\b"
)
_WORD = r"[A-Z][\w'’-]*\w"
_BETWEEN = r"(?:(?:of|de|da|di|del|van|von)(?: the| la)? )?"
_NAME = re.compile(rf"\b{_WORD}(?: {_BETWEEN}{_WORD})*")
_NUMBER = re.compile(
    r"(?<![\w.,])\d[\d.,]*\d(?:[  ](?:km|m|kg|metres|kilometres|people))?\b"
)
_SENTENCE_END = re.compile(r"(?:^|[.!?:;]\s+)$")


class RuleSpans(Asker):
    """Stands where a model would be asked; asks none. See `Ramp`."""

    def __init__(self) -> None:
        self.name = "rules"
        self.used = TokenCount()

    def spans(self, text: str) -> list[str]:
        """Return the key spans of a passage, in order.

        >>> RuleSpans().spans("Born on 3 May 1901, Anja Telk left Velmar. She owned 1,200 m.")
        ['3 May 1901', 'Anja Telk', 'Velmar', '1,200 m']
        """
        found: list[tuple[int, int]] = []
        for pattern in (_DATE, _NAME, _NUMBER):
            for match in pattern.finditer(text):
                start, end = _without_opening(text, *match.span()), match.end()
                if start is None or any(start < b and end > a for a, b in found):
                    continue
                found.append((start, end))
        return [text[start:end] for start, end in sorted(found)]


def _without_opening(text: str, start: int, end: int) -> int | None:
    """Return where a span really starts, None where it is a sentence's first word alone.

    A sentence's first word has a capital whatever it is: alone it is no name, and an
    article or pronoun before a name is none of it.
    """
    if not text[start].isalpha() or not _SENTENCE_END.search(text[:start]):
        return start
    first, _, rest = text[start:end].partition(" ")
    if not rest:
        return None
    return start + len(first) + 1 if first.lower() in STOP_WORDS else start
