"""The answer must be found in what was retrieved."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from ...evals.metrics import tokens
from ...nodes.condensers.extractive import STOP_WORDS
from ...nodes.dialects import Dialect
from ...trace import Trace
from ..transcript import holds_evidence, read_text, retrieved_text
from .base import Dimension

_WORD = re.compile(r"\w+")
_NUMBER = re.compile(r"\d{1,3}")


CONCLUDED = ("yes", "no", "unknown", "none")
"""Answers that are concluded from what was found, and stand nowhere in it."""


@dataclass(frozen=True)
class SupportedAnswer:
    """The words of the answer, in order, must stand in a result the model was shown.

    It removes answers given before the evidence was in. Answers that are concluded, not
    found (yes, no, a small count), are exempt.

    Attributes:
        exempt: answers that need no support.
        share: below 1, an answer whose words do not stand in order (a list, a sentence)
            is supported when this share of them stands anywhere in the evidence.
        where: `shown` looks in what the model was given, `retrieved` in the documents
            themselves, so that a condenser's own words are no evidence;
            `retrieved_or_shown` in the documents where the trace holds the text of all
            that became evidence, else in what the model was given.
    """

    name: ClassVar[str] = "supported_answer"
    dimension: ClassVar[Dimension] = "effectiveness"
    source: ClassVar[str] = "paper table 6 (the answer appears in the search results)"

    exempt: tuple[str, ...] = CONCLUDED
    share: float = 1.0
    where: Literal["shown", "retrieved", "retrieved_or_shown"] = "shown"

    def reason(self, trace: Trace, dialect: Dialect) -> str | None:
        if not trace.answer:
            return None
        answer = _plain(trace.answer)
        if is_concluded(trace.answer, self.exempt):
            return None
        shown = self.where == "shown" or (
            self.where == "retrieved_or_shown" and not holds_evidence(trace)
        )
        evidence = _plain(read_text(trace) if shown else retrieved_text(trace))
        if answer in evidence or (self.share < 1 and self._holds(answer, evidence)):
            return None
        return f"the answer {trace.answer!r} is in no {'search result' if shown else 'document'}"

    def _holds(self, answer: str, evidence: str) -> bool:
        words = {word for word in answer.split() if word not in STOP_WORDS}
        found = words.intersection(evidence.split())
        return bool(words) and len(found) >= self.share * len(words)


def is_concluded(answer: str, exempt: Sequence[str] = CONCLUDED) -> bool:
    """Tell whether an answer is concluded, not found: yes, no, a small count.

    >>> is_concluded("Yes."), is_concluded("12"), is_concluded("1987")
    (True, True, False)
    """
    plain = _plain(answer).strip()
    return plain in exempt or bool(_NUMBER.fullmatch(plain))


def _plain(text: str) -> str:
    words = _WORD.findall(text.casefold())
    if not text.isascii():
        # Scripts without spaces: a character is a word.
        words = [token for word in words for token in tokens(word)]
    return f" {' '.join(words)} "
