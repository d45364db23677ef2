"""Questions that an evaluation set asks too: training on them would spoil its figures."""

from __future__ import annotations

import os
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from .candidates import read_texts
from .duplicates import prefix_of
from .wording import Lexicon, Wordings, ngrams

CONTAMINATED = 0.5
"""Share of an evaluation question's n-grams in a training question from which it counts as
asked there. Lower than for duplicates: a question about the same things in nearly the same
words leads to the same pages, and leaving one out costs nothing."""


@dataclass(frozen=True)
class Contamination:
    """A training question that an evaluation set holds."""

    position: int
    evaluation_set: str
    question: str
    """The evaluation set's own wording."""
    overlap: float
    """Share of its n-grams that the training question has; 1 for the same words."""


@dataclass(frozen=True)
class EvaluationSets:
    """The questions that must stay unseen."""

    names: tuple[str, ...]
    """The set of each question."""
    texts: tuple[str, ...]

    @classmethod
    def read(cls, files: Iterable[tuple[str, str | os.PathLike[str]]]) -> EvaluationSets:
        """Read (name, question file) pairs.

        Raises:
            SamplingError: a file is absent, or holds no questions or something else.
        """
        pairs = [(name, text) for name, path in files for text in read_texts(Path(path))]
        return cls(tuple(name for name, _ in pairs), tuple(text for _, text in pairs))

    @property
    def sizes(self) -> dict[str, int]:
        """Questions of each set."""
        return dict(Counter(self.names))


def find_contaminated(
    texts: Sequence[str], held_out: EvaluationSets, *, threshold: float = CONTAMINATED
) -> list[Contamination]:
    """Return the contaminated among questions, in order; see `contaminated_among`."""
    lexicon = Lexicon()
    wordings = lexicon.read(texts)
    return contaminated_among(
        wordings, range(len(wordings)), held_out, lexicon, threshold=threshold
    )


def contaminated_among(
    wordings: Wordings,
    positions: Iterable[int],
    held_out: EvaluationSets,
    lexicon: Lexicon,
    *,
    threshold: float = CONTAMINATED,
) -> list[Contamination]:
    """Return the contaminated among questions, in order.

    A question is contaminated when its folded words are those of an evaluation question,
    or when it has all names and numbers of one and a share of its n-grams. The rare words
    of an evaluation question count as names where it has neither names nor numbers: in any
    other, one replaced by its synonym would hide a copy.

    Args:
        wordings: the training questions.
        positions: those to look at.
        held_out: the evaluation sets.
        lexicon: what read the training questions; reads the evaluation sets too.
        threshold: that share, above 0; over 1 only the same words count.
    """
    if not held_out.texts:
        return []
    index = _Index(held_out, lexicon, threshold)
    return [
        Contamination(position, held_out.names[other], held_out.texts[other], overlap)
        for position in positions
        for other, overlap in index.best(wordings[position])
    ]


class _Index:
    """Finds the evaluation questions that a question may hold."""

    def __init__(
        self, held_out: EvaluationSets, lexicon: Lexicon, threshold: float
    ) -> None:
        wordings = lexicon.read(held_out.texts)
        names, rare = lexicon.names(), lexicon.rare()
        self._threshold = threshold
        self._grams = [frozenset(ngrams(wordings[p])) for p in range(len(wordings))]
        # Its own capitals too: names may consist of common words ("Beat Hotel").
        self._telling = [
            names.intersection(wordings[position]) | lexicon.named(text)
            or rare.intersection(wordings[position])
            for position, text in enumerate(held_out.texts)
        ]
        self._same: dict[bytes, int] = {}
        self._by_word: dict[int, array[int]] = {}
        self._by_gram: dict[int, array[int]] = {}
        self._matches: dict[int, int] = {}
        words = Counter(word for own in self._telling for word in own)
        grams = Counter(gram for own in self._grams for gram in own)
        for position in range(len(wordings)):
            self._same.setdefault(wordings[position].tobytes(), position)
            self._add(position, words, grams)

    def _add(self, position: int, words: Counter[int], grams: Counter[int]) -> None:
        """Index a question by its rarest name; if it has none, by its rarest n-grams."""
        own = self._telling[position]
        if own:
            rarest = min(own, key=lambda word: (words[word], word))
            self._by_word.setdefault(rarest, array("I")).append(position)
            return
        ranked = sorted(self._grams[position], key=lambda gram: (grams[gram], gram))
        length, self._matches[position] = prefix_of(len(ranked), self._threshold)
        for gram in ranked[:length]:
            self._by_gram.setdefault(gram, array("I")).append(position)

    def best(self, words: array[int]) -> Iterator[tuple[int, float]]:
        """Yield the evaluation question that overlaps most, if one does enough."""
        same = self._same.get(words.tobytes())
        if same is not None:
            yield same, 1.0
            return
        if self._threshold > 1:
            return
        by_word, by_gram = self._by_word, self._by_gram
        candidates = {other for word in words if word in by_word for other in by_word[word]}
        grams = ngrams(words) if candidates or by_gram else ()
        if by_gram:
            found = (by_gram[gram] for gram in grams if gram in by_gram)
            shared = Counter(chain.from_iterable(found))
            candidates |= {o for o, count in shared.items() if count >= self._matches[o]}
        spoken = set(words)
        overlaps = [
            (len(self._grams[other].intersection(grams)) / len(self._grams[other]), -other)
            for other in candidates
            if self._telling[other] <= spoken
        ]
        overlap, place = max(overlaps, default=(0.0, 0))
        if overlap >= self._threshold:
            yield -place, overlap
