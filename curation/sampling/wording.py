"""The words of very many questions, as numbers, so that they can be compared.

Words are folded: case, accents and plurals; articles and punctuation are left out. What a
question is about is told by its names, numbers and rare words: sentences made from one
template differ in nothing else, and are different questions.
"""

from __future__ import annotations

import re
import unicodedata
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence

from ...tools.stemming import stem
from .interrogatives import INTERROGATIVES

NGRAM = 3
"""Words of an n-gram: questions have about fifteen, too few for the 8 to 13 that are
usual for documents."""

RARE = 0.001
"""A word that occurs less than once in so many questions names something too, as in sets
that are written in lower case."""

ARTICLES = frozenset({"a", "an", "the"})

OPENERS = INTERROGATIVES | frozenset(
    "did has have had can could will would in on at of for from by to with as after "
    "before during between among if given this that these name give tell find i".split()
)
"""Words that a question starts with in a capital although they name nothing."""

_ACCENT = re.compile("[\u0300-\u036f]+")
_WORD = re.compile(
    r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\W_\u3040-\u30ff\u3400-\u9fff]+"
)
"""One CJK character (those scripts write no spaces), or a run of letters and digits."""

_ARTICLE, _PAD = -1, -2
_PADDING = (_PAD,) * (NGRAM - 1)


class Wordings:
    """The word numbers of a list of questions, four bytes a word."""

    def __init__(self) -> None:
        self._numbers, self._ends = array("I"), array("Q", [0])

    def append(self, numbers: Iterable[int]) -> None:
        """Add the next question."""
        self._numbers.extend(numbers)
        self._ends.append(len(self._numbers))

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, position: int) -> array[int]:
        return self._numbers[self._ends[position] : self._ends[position + 1]]


class Lexicon:
    """Numbers words in the order they are first seen, so that no hash seed matters."""

    def __init__(self) -> None:
        self._spoken = _Spoken()
        self._questions = 0
        self._inside: Counter[str] = Counter()
        self._counts: Counter[str] = Counter()

    def read(self, texts: Iterable[str]) -> Wordings:
        """Return the words of questions, and count them for `telling`."""
        wordings, number_of = Wordings(), self._spoken.__getitem__
        for text in texts:
            spoken = split_words(text)
            numbers = [n for n in map(number_of, spoken) if n != _ARTICLE]
            # A question of signs alone ("+?") is told by its signs; the space makes even
            # "The" a word.
            wordings.append(numbers or [number_of(f" {text}")])
            self._counts.update(spoken)
            self._inside.update(spoken[1:])
            self._questions += 1
        return wordings

    def named(self, text: str) -> frozenset[int]:
        """Return the words that a question itself writes as names: capitals and digits."""
        spoken = split_words(text)
        if spoken and spoken[0].lower() in OPENERS:
            del spoken[0]
        numbers = (self._spoken[word] for word in spoken if not word.islower())
        return frozenset(numbers) - {_ARTICLE}

    def telling(self) -> frozenset[int]:
        """Return the words that name something, of all questions read so far."""
        return self.names() | self.rare()

    def names(self) -> frozenset[int]:
        """Return the words with a digit or mostly with a capital where no sentence starts."""
        capitals: Counter[int] = Counter()
        for word, count in self._inside.items():
            capitals[self._spoken[word]] += -count if word.islower() else count
        numerals = {self._spoken[word] for word in self._counts if not word.isalpha()}
        named = {number for number, surplus in capitals.items() if surplus > 0}
        return frozenset(numerals | named) - {_ARTICLE}

    def rare(self) -> frozenset[int]:
        """Return the words that hardly any question has."""
        counts: Counter[int] = Counter()
        for word, count in self._counts.items():
            counts[self._spoken[word]] += count
        limit = RARE * self._questions
        return frozenset(n for n, count in counts.items() if count < limit) - {_ARTICLE}


class _Spoken(dict[str, int]):
    """From a word as written to its number; one for all forms that fold into one."""

    def __init__(self) -> None:
        super().__init__()
        self._folded: dict[str, int] = {}

    def __missing__(self, word: str) -> int:
        folded = stem(word.lower())
        number = _ARTICLE
        if folded not in ARTICLES:
            number = self._folded.setdefault(folded, len(self._folded))
        self[word] = number
        return number


def split_words(text: str) -> list[str]:
    """Return the words of a text as written, accents left out.

    >>> split_words("Who directed Béla's films?")
    ['Who', 'directed', 'Bela', 's', 'films']
    """
    if not text.isascii():
        text = _ACCENT.sub("", unicodedata.normalize("NFKD", text))
    return _WORD.findall(text)


def ngrams(words: Sequence[int]) -> list[int]:
    """Return a code for each distinct n-gram, in order of first occurrence.

    Padded at both ends, so that every word counts in three n-grams and one changed word
    changes as many wherever it stands. The code is the hash of a tuple of numbers, which
    Python does not randomise.
    """
    padded = (*_PADDING, *words, *_PADDING)
    return list(dict.fromkeys(map(hash, zip(padded, padded[1:], padded[2:], strict=False))))
