"""Mixed languages, by a language identifier: what scripts alone cannot tell."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

from ...errors import MissingDependencyError
from ...nodes.dialects import Dialect
from ...trace import Trace
from .base import Dimension

LANGUAGES = tuple(
    """ar bg bn ca cs da de el en es et fa fi fr he hi hr hu id it ja ko lt lv ms nl no pl
    pt ro ru sk sl sr sv ta th tr uk ur vi zh""".split()
)
"""ISO 639-1 codes among which the identifier chooses. Its rarer ones draw in lists of names:
of 11,000 sentences of real rollouts in English none is taken for one of these."""

_CUT = re.compile(r"(?<=[.!?])\s+|\n+|(?<=[\u3002\uff01\uff1f])")
"""Ends of sentences, and line breaks."""


@dataclass(frozen=True)
class ForeignLanguage:
    """The model thinks and answers in one language: the question's, or English.

    Sentences of at least `min_bytes` are identified one by one; those the identifier is
    not sure of do not count. Queries and other calls are left out, since a page may be in any
    language.
    Names and titles are too short to be judged.

    Attributes:
        share: most of the judged text, in bytes, that may be in another language than
            the rest of it.
        confidence: what the identifier must give a sentence for it to count.
        min_bytes: shorter sentences are not judged; a Chinese character has three bytes.
    """

    name: ClassVar[str] = "foreign_language"
    dimension: ClassVar[Dimension] = "format"
    source: ClassVar[str] = (
        "arXiv 2505.16834, section 2.3 (no mixed reasoning languages); identifier py3langid"
    )

    share: float = 0.05
    confidence: float = 0.9
    min_bytes: int = 60

    def reason(self, trace: Trace, dialect: Dialect) -> str | None:
        found: Counter[str] = Counter()
        example: dict[str, str] = {}
        for sentence in self._sentences(trace, dialect):
            language, confidence = identify(sentence)
            if confidence >= self.confidence:
                found[language] += len(sentence.encode())
                example.setdefault(language, sentence)
        if not found:
            return None
        main, size = found.most_common(1)[0]
        total = found.total()
        if total - size > self.share * total:
            other = found.most_common(2)[1][0]
            share = (total - size) / total
            return f"{share:.0%} is not in {main}, as {other}: {example[other][:60]!r}"
        return self._elsewhere(trace.question, main)

    def _elsewhere(self, question: str, main: str) -> str | None:
        if main == "en" or len(question.encode()) < self.min_bytes:
            return None
        asked, confidence = identify(question)
        if asked == main or confidence < self.confidence:
            return None
        return f"the question is in {asked}, the reasoning in {main}"

    def _sentences(self, trace: Trace, dialect: Dialect) -> Iterator[str]:
        for segment in trace.segments:
            if not segment.trainable or segment.kind in ("query", "call"):
                continue
            text = segment.text
            for tag in dialect.tags:
                text = text.replace(tag, " ")
            for sentence in _CUT.split(text):
                if len(sentence.encode()) >= self.min_bytes:
                    yield sentence


def identify(text: str) -> tuple[str, float]:
    """Return a text's language (ISO 639-1) and how sure that is, 0 to 1.

    Raises:
        MissingDependencyError: the identifier is not installed.
    """
    language, confidence = _identifier().classify(text)
    return language, float(confidence)


@cache
def _identifier() -> Any:
    package = "py3langid"
    try:
        from py3langid.langid import MODEL_FILE, LanguageIdentifier
    except ImportError as error:
        raise MissingDependencyError(package, "curate") from error
    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(LANGUAGES)
    return identifier
