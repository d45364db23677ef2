"""Questions that ask what an earlier one asks.

Two questions are the same when their folded words are. They are nearly the same when they
have the same names, numbers and rare words, and the sets of their word n-grams overlap
(Jaccard). Where nothing shows which words are names, any word that is replaced by another
may be one: then a question may only have words more or fewer. Of such a pair the earlier
stays.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from math import ceil
from typing import Literal

from .wording import WORD_SIGNS, Lexicon, Wordings, ngrams

NEAR_DUPLICATE = 0.6
"""Overlap from which two questions about the same names are nearly the same. With padded
trigrams, one word changed among 10 gives 0.6, among 15 it gives 0.7."""

MATCHES = 3
"""Rare n-grams that two questions must share before they are compared."""

LONGEST_POSTING = 500
"""Questions found by one n-gram. Where the rarest n-grams of a question are in more than
these, the questions are combinations of a few words; the bound keeps the time linear."""


@dataclass(frozen=True)
class Duplicate:
    """A question that an earlier one makes superfluous."""

    position: int
    of: int
    """Position of the earlier question."""
    kind: Literal["same", "near"]
    overlap: float
    """Jaccard overlap of their n-grams, 1 for the same words."""


def find_duplicates(
    texts: Sequence[str], *, threshold: float = NEAR_DUPLICATE
) -> list[Duplicate]:
    """Return the questions to leave out, in order; see `duplicates_among`.

    >>> texts = ["Who made Alien?", "who made Alien", "Who made Heat?"]
    >>> [(one.position, one.of, one.kind) for one in find_duplicates(texts)]
    [(1, 0, 'same')]
    """
    lexicon = Lexicon()
    return duplicates_among(texts, lexicon.read(texts), lexicon, threshold=threshold)


def duplicates_among(
    texts: Sequence[str],
    wordings: Wordings,
    lexicon: Lexicon,
    *,
    threshold: float = NEAR_DUPLICATE,
) -> list[Duplicate]:
    """Return the questions to leave out, in order.

    Questions with the same telling words are compared by prefix filtering, since two sets
    that overlap by the threshold share some of their rarest n-grams. A question is compared
    with those that stay alone.

    Args:
        texts: the questions.
        wordings: their words.
        lexicon: what read them, and whatever else shall count for what is rare.
        threshold: overlap that makes two nearly the same, above 0; over 1 only the same
            words count.
    """
    found: dict[int, Duplicate] = {}
    first: dict[bytes, int] = {}
    for position in range(len(wordings)):
        earlier = first.setdefault(wordings[position].tobytes(), position)
        if earlier != position:
            found[position] = Duplicate(position, earlier, "same", 1.0)

    told_apart = _Apart(texts, wordings, lexicon)
    if threshold <= 1:
        for group in _about_the_same(wordings, lexicon, found):
            for duplicate in _near(group, wordings, threshold, told_apart):
                found[duplicate.position] = duplicate
    return [found[position] for position in sorted(found)]


class _Apart:
    """Whether two questions ask about different things, however alike their words are."""

    def __init__(self, texts: Sequence[str], wordings: Wordings, lexicon: Lexicon) -> None:
        self._texts, self._wordings, self._lexicon = texts, wordings, lexicon
        # A question is compared with many others of its template.
        self._known = lru_cache(maxsize=100_000)(self._read)

    def __call__(self, one: int, other: int) -> bool:
        own, names, unmarked = self._known(one)
        others, other_names, other_unmarked = self._known(other)
        # Names may consist of common words ("The Uncle"): no word gives those away.
        if not (names <= others and other_names <= own):
            return True
        return _lacks_a_word(unmarked, others) and _lacks_a_word(other_unmarked, own)

    def _read(self, position: int) -> tuple[frozenset[int], frozenset[int], dict[int, int]]:
        text = self._texts[position]
        words = frozenset(self._wordings[position])
        return words, self._lexicon.named(text), self._lexicon.unmarked(text)


def _lacks_a_word(unmarked: Mapping[int, int], words: frozenset[int]) -> bool:
    """Return whether words lack one that may be a name."""
    lacking = unmarked.keys() - words
    return sum(map(unmarked.__getitem__, lacking)) >= WORD_SIGNS


def _about_the_same(
    wordings: Wordings, lexicon: Lexicon, found: dict[int, Duplicate]
) -> list[list[int]]:
    """Return groups of two or more questions with the same telling words."""
    telling = lexicon.telling()
    groups: defaultdict[int, list[int]] = defaultdict(list)
    left = [position for position in range(len(wordings)) if position not in found]
    # Hashes of numbers, first counted, so that a million lists are not made for nothing.
    keys = [hash(frozenset(telling.intersection(wordings[p]))) for p in left]
    counts = Counter(keys)
    for position, key in zip(left, keys, strict=True):
        if counts[key] > 1:
            groups[key].append(position)
    return list(groups.values())


def _near(
    group: list[int],
    wordings: Wordings,
    threshold: float,
    told_apart: Callable[[int, int], bool],
) -> Iterator[Duplicate]:
    grams = {position: ngrams(wordings[position]) for position in group}
    counts = Counter(gram for own in grams.values() for gram in own)
    index: defaultdict[int, list[int]] = defaultdict(list)
    for position, own in grams.items():
        ranked = sorted((counts[gram], gram) for gram in own)
        length, matches = prefix_of(len(own), threshold)
        rare = [gram for count, gram in ranked[:length] if count > 1]
        shared = Counter(chain.from_iterable(index.get(gram, ()) for gram in rare))
        candidates = (other for other, count in shared.items() if count >= matches)
        for other in sorted(candidates):
            if told_apart(position, other):
                continue
            overlap = jaccard(own, grams[other])
            if overlap >= threshold:
                yield Duplicate(position, other, "near", overlap)
                break
        else:
            for gram in rare:
                if len(index[gram]) < LONGEST_POSTING:
                    index[gram].append(position)


def prefix_of(size: int, threshold: float) -> tuple[int, int]:
    """Return how many of its rarest n-grams a question is found by, and how many must match.

    Two sets that share at least `threshold * size` n-grams share `MATCHES` (or all, where
    those are fewer) among as many of their rarest, whatever the order of rarity is.

    >>> prefix_of(14, 0.6), prefix_of(3, 0.5)
    ((8, 3), (3, 2))
    """
    needed = max(1, ceil(min(1.0, threshold) * size))
    matches = min(MATCHES, needed)
    return size - needed + matches, matches


def jaccard(one: Sequence[int], other: Sequence[int]) -> float:
    """Return the share of all n-grams that two questions share."""
    shared = len(set(one).intersection(other))
    return shared / (len(one) + len(other) - shared)
