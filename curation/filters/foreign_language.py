"""Mixed languages, by a language identifier: what scripts alone cannot tell."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

from ...errors import MissingDependencyError
from ...nodes.dialects import Dialect
from ...trace import Trace
from ..transcript import THINKING_OPENERS, prose
from .base import Dimension
from .language import sentences, unquoted, without_names

LANGUAGES = tuple(
    """ar bg bn ca cs da de el en es et fa fi fr he hi hr hu id it ja ko lt lv ms nl no pl
    pt ro ru sk sl sr sv ta th tr uk ur vi zh""".split()
)
"""ISO 639-1 codes among which the identifier chooses. Its rarer ones draw in lists of names:
of 11,000 sentences of real rollouts in English none is taken for one of these."""

POOL_CONFIDENCE = 0.8
"""What the identifier must give a short sentence for it to count together with others: the
9,300 short sentences and lines of real rollouts in English make no 40 bytes of another language
with it in any run."""

SHORTEST = 4
"""Characters; what is shorter does not count at all."""

_SENTENCE = re.compile(r"[^\W\d_]{2}.*[.!?\u2026\u3002\uff01\uff1f][*_)]*\s*\Z", re.DOTALL)
"""What is no line of a list: a name or a title has no end of a sentence."""


@dataclass(frozen=True)
class ForeignLanguage:
    """The model thinks and answers in one language: the question's, or English.

    Sentences of at least `min_bytes` are identified one by one, the run's shorter ones
    together, language by language; those the identifier is not sure of do not count.
    Queries and other calls are left out, since a page may be in any language, and what
    stands in quotation marks or brackets. Names and titles are too short to be judged.

    Attributes:
        share: most of the judged text, in bytes, that may be in another language than
            the rest of it.
        confidence: what the identifier must give a sentence for it to count.
        min_bytes: shorter sentences are judged together; a Chinese character has three
            bytes.
        pooled_bytes: from how many bytes on they are. Less of them counts only for a
            language that the run is known to use.
    """

    name: ClassVar[str] = "foreign_language"
    dimension: ClassVar[Dimension] = "format"
    source: ClassVar[str] = (
        "arXiv 2505.16834, section 2.3 (no mixed reasoning languages); identifier py3langid"
    )

    share: float = 0.02
    confidence: float = 0.9
    min_bytes: int = 60
    pooled_bytes: int = 40

    def reason(self, trace: Trace, dialect: Dialect) -> str | None:
        found: Counter[str] = Counter()
        example: dict[str, str] = {}
        short: list[str] = []
        for sentence in _sentences(trace, dialect):
            if len(sentence.encode()) < self.min_bytes:
                short.append(sentence)
            else:
                self._count(sentence, found, example)
        for together in self._together(short, found):
            self._count(together, found, example)
        if not found:
            return None
        main, size = found.most_common(1)[0]
        total = found.total()
        if total - size > self.share * total:
            other = found.most_common(2)[1][0]
            share = (total - size) / total
            return f"{share:.0%} is not in {main}, as {other}: {example[other][:60]!r}"
        return self._elsewhere(trace.question, main)

    def _count(self, text: str, found: Counter[str], example: dict[str, str]) -> None:
        language, confidence = identify(text)
        if confidence >= self.confidence:
            found[language] += len(text.encode())
            example.setdefault(language, text.strip())

    def _together(self, short: Sequence[str], found: Mapping[str, int]) -> list[str]:
        """Return short sentences of one language as one text, where there is enough."""
        known = set(found) or {"en"}
        groups: dict[str, list[str]] = {}
        for sentence in map(without_names, short):
            if len(sentence) < SHORTEST or not _SENTENCE.search(sentence):
                continue
            language, confidence = identify(sentence)
            if confidence >= POOL_CONFIDENCE:
                groups.setdefault(language, []).append(sentence.strip())
        joined = {language: " ".join(group) for language, group in groups.items()}
        return [
            text
            for language, text in joined.items()
            if language in known or len(text.encode()) >= self.pooled_bytes
        ]

    def _elsewhere(self, question: str, main: str) -> str | None:
        if main == "en" or len(question.encode()) < self.pooled_bytes:
            return None
        asked, confidence = identify(question)
        if asked == main or confidence < self.confidence:
            return None
        return f"the question is in {asked}, the reasoning in {main}"


def _sentences(trace: Trace, dialect: Dialect) -> Iterator[str]:
    for segment in prose(trace):
        text = segment.text
        for tag in filter(None, (*dialect.tags, *THINKING_OPENERS, dialect.thinking_close)):
            text = text.replace(tag, " ")
        yield from sentences(unquoted(text))


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
