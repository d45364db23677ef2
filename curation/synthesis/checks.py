"""What code can check of a question that a model wrote.

Each check returns why a question fails, or None. Texts are compared by folded words
(case, accents, plurals and punctuation do not count), always as whole words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ...tools.stemming import terms
from ..sampling.interrogatives import INTERROGATIVES

LONGEST_ANSWER = 12
"""Words of an answer; what is longer cannot be scored by exact match or F1."""

GROUNDED = 0.6
"""Share of the content words of a clue that must stand on the page it is made from; its
names and numbers must all. The rest leaves room for other words of the same sense."""

STOP_WORDS = INTERROGATIVES | frozenset(
    "a an the of in on at to for from by with as and or that this it its his her their s be "
    "been has have had who whose one same".split()
)
"""Words that tell nothing about what a text says."""


_WORD = re.compile(r"\w+")


def mentions(text: str, phrase: str) -> bool:
    """Return whether a text has a phrase, word for word.

    >>> mentions("Films by Béla Tarr.", "bela tarr"), mentions("Kuwait", "wait")
    (True, False)
    """
    wanted = " ".join(terms(phrase))
    return bool(wanted) and f" {wanted} " in f" {' '.join(terms(text))} "


def content_terms(text: str) -> list[str]:
    """Return the folded words of a text that say something."""
    return [term for term in terms(text) if term not in STOP_WORDS]


def check_pair(question: str, answer: str, aliases: Sequence[str] = ()) -> str | None:
    """Both are there, the answer is short, and no form of it stands in the question."""
    if not content_terms(question):
        return "no question"
    if not terms(answer):
        return "no answer"
    if len(answer.split()) > LONGEST_ANSWER:
        return "answer too long"
    if any(mentions(question, form) for form in (answer, *aliases)):
        return "answer in the question"
    return None


def check_answer_in_source(answer: str, source: str) -> str | None:
    """The answer stands in the page that it is to come from."""
    return None if mentions(source, answer) else "answer not in the source"


def check_hop_needed(
    question: str, answer: str, earlier: Sequence[str], bridges: Sequence[str]
) -> str | None:
    """No page before the last gives the answer, and each page is found by the one before.

    Args:
        question: as written.
        answer: likewise.
        earlier: titles and texts of the pages before the last.
        bridges: names of the pages after the first, which the question must not give away.
    """
    if any(mentions(text, answer) for text in earlier):
        return "answer without the hop"
    if any(mentions(question, bridge) for bridge in bridges):
        return "names what must be found"
    return None


def check_starts_from(question: str, title: str, text: str) -> str | None:
    """The question is about the first page: it names it, or draws half its words from it."""
    if mentions(question, title):
        return None
    if share_in(question, f"{title} {text}") >= 0.5:
        return None
    return "does not start from the first page"


def check_clue(clue: str, name: str, answers: Sequence[str], page: str) -> str | None:
    """A description fits its page, and gives away neither the name nor an answer.

    Args:
        clue: the description.
        name: what it stands for.
        answers: all forms of the answer.
        page: title and text of the page it is made from.
    """
    words = content_terms(clue)
    if len(words) < 2:
        return "no clue"
    own = set(content_terms(name))
    if mentions(clue, name) or (own and len(own.intersection(words)) * 2 > len(own)):
        return "clue names it"
    if any(mentions(clue, answer) for answer in answers):
        return "answer in the clue"
    told = set(terms(page))
    if share_in(clue, page) < GROUNDED or not told.issuperset(names_and_numbers(clue)):
        return "clue not in the source"
    return None


def names_and_numbers(text: str) -> list[str]:
    """Return the folded words of a text that have a capital or a digit and say something.

    >>> names_and_numbers("The drama film of 1987 by Kerrin Oak")
    ['1987', 'kerrin', 'oak']
    """
    written = (
        word
        for word in _WORD.findall(text)
        if word != word.lower() or any(map(str.isdigit, word))
    )
    return [term for word in written for term in content_terms(word)]


def share_in(text: str, source: str) -> float:
    """Return the share of a text's content words that a source has; 0 without any."""
    words = content_terms(text)
    there = set(terms(source))
    return sum(word in there for word in words) / len(words) if words else 0.0
