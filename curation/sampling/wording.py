"""The words of very many questions, as numbers, so that they can be compared.

Words are folded: case, accents and plurals; articles and punctuation are left out. What a
question is about is told by its names, numbers and rare words: sentences made from one
template differ in nothing else, and are different questions. A capital shows a name; where
a question has none inside (lower case, titles all in capitals, scripts without case) nothing
shows it, and its words are `unmarked`.
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
"""A word that occurs less than once in so many questions of its script names something too,
as in sets that are written in lower case. Of its script: a few Chinese questions in an
English pool have no other words than rare ones."""

ARTICLES = frozenset({"a", "an", "the"})

OPENERS = INTERROGATIVES | frozenset(
    "did has have had can could will would in on at of for from by to with as after "
    "before during between among if given this that these name give tell find i".split()
)
"""Words that a question starts with in a capital although they name nothing."""

FUNCTION_WORDS = OPENERS | frozenset(
    "and or but not no it its he his him she her they their them s be been there here then "
    "than also about into over under through per".split()
)
"""Words that name nothing wherever they stand; English, like the interrogatives."""

_ACCENT = re.compile("[\u0300-\u036f]+")
_WORD = re.compile(
    r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\W_\u3040-\u30ff\u3400-\u9fff]+"
)
"""One CJK character (those scripts write no spaces), or a run of letters and digits."""

_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")

WORD_SIGNS = 2
"""CJK characters of a word, most often."""

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
        self._scripts = _Scripts()
        self._questions: Counter[str] = Counter()
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
            if not _is_shouted(spoken):
                self._inside.update(spoken[1:])
            self._questions.update(self._scripts.of(text, spoken))
        return wordings

    def named(self, text: str) -> frozenset[int]:
        """Return the words that a question itself writes as names: capitals and digits.

        Not its first word, which has a capital whatever it is; nor any capital where all
        words have one.
        """
        spoken = split_words(text)
        names = [word for word in spoken if _has_digit(word)]
        if not _is_shouted(spoken):
            names += filter(_has_capital, spoken[1:])
        return self._numbers(names)

    def unmarked(self, text: str) -> dict[int, int]:
        """Return the words that may be names or not, for all that a question's case shows.

        Those are its first word, and where it has no capital inside all of its words, save
        function words and numbers. Each comes with its weight: a CJK character is a part
        of a word.
        """
        spoken = split_words(text)
        has_marks = not _is_shouted(spoken) and any(
            _has_capital(word) and word.lower() not in FUNCTION_WORDS for word in spoken[1:]
        )
        words = [
            word
            for word in (spoken[:1] if has_marks else spoken)
            if word.lower() not in FUNCTION_WORDS and not _has_digit(word)
        ]
        weights = {self._spoken[w]: 1 if _CJK.match(w) else WORD_SIGNS for w in words}
        return {number: weight for number, weight in weights.items() if number != _ARTICLE}

    def telling(self) -> frozenset[int]:
        """Return the words that name something, of all questions read so far."""
        return self.names() | self.rare()

    def names(self) -> frozenset[int]:
        """Return the words with a digit or mostly with a capital where no sentence starts."""
        capitals: Counter[int] = Counter()
        for word, count in self._inside.items():
            capitals[self._spoken[word]] += count if _has_capital(word) else -count
        named = {number for number, surplus in capitals.items() if surplus > 0}
        return self._numbers(filter(_has_digit, self._counts)) | named - {_ARTICLE}

    def rare(self) -> frozenset[int]:
        """Return the words that hardly any question of their script has."""
        counts: Counter[int] = Counter()
        limits: dict[int, float] = {}
        for word, count in self._counts.items():
            number = self._spoken[word]
            counts[number] += count
            limits[number] = RARE * self._questions[self._scripts[word[0]]]
        rare = {number for number, count in counts.items() if count < limits[number]}
        return frozenset(rare) - {_ARTICLE}

    def _numbers(self, words: Iterable[str]) -> frozenset[int]:
        return frozenset(map(self._spoken.__getitem__, words)) - {_ARTICLE}


def _has_capital(word: str) -> bool:
    """Return whether a word has a capital; scripts without case have none."""
    return word != word.lower()


def _has_digit(word: str) -> bool:
    return not word.isalpha() and any(map(str.isdigit, word))


def _is_shouted(spoken: Sequence[str]) -> bool:
    """Return whether every word after the first has a capital, as in a title."""
    return all(_has_capital(word) for word in spoken[1:] if word.isalpha())


class _Scripts(dict[str, str]):
    """From a character to its script, as Unicode names it: LATIN, CJK, HANGUL, ARABIC."""

    def __missing__(self, sign: str) -> str:
        self[sign] = unicodedata.name(sign, "?").split()[0]
        return self[sign]

    def of(self, text: str, spoken: Sequence[str]) -> set[str]:
        """Return the scripts of a question."""
        return {"LATIN"} if text.isascii() else {self[word[0]] for word in spoken}


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
