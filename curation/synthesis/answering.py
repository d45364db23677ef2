"""A model answers a question from given pages, or from nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import get_args

from ...evals.metrics import Normalization, normalize, score
from ..asking import Asker, fill
from ..filters.support import is_concluded
from ..json_reply import read_json_reply, without_thoughts
from .checks import mentions
from .pages import SourcePage

PAGE_CHARS = 3000
"""Characters of a page that are shown."""

LONGEST_TRUSTED = 30
"""Words of an answer that is looked at; in a longer one any name may be found."""

_REFUSAL = re.compile(
    r"(?:i )?(?:do not|don't|cannot|can't) (?:know|tell|say|answer)"
    r"(?: (?:the answer|that|this|it|which|what|who|when|where|from)\b.*)?"
    r"|(?:it )?(?:is )?(?:not known|unknown|unclear)"
    r"|(?:it )?cannot be (?:known|determined|answered)\b.*"
    r"|(?:not enough|no|insufficient) information\b.*"
)
"""Replies that give no answer, in lower case and without the stop."""

_CLAUSE_END = re.compile(r"[,;:.](?:\s|$)")

FROM_PAGES = """Answer a question from these pages alone.

{{pages}}

Question: {{question}}
Reply with one JSON object {"answer": "a few words"}. If the pages do not tell, the answer is \
"unknown"."""

FROM_MEMORY = """Answer a question from what you know. No search is possible.

Question: {{question}}
Reply with one JSON object {"answer": "a few words"}. If you do not know, the answer is \
"unknown"."""


async def answer_from(asker: Asker, question: str, pages: Sequence[SourcePage]) -> str:
    """Return the model's answer from pages, empty where it gives none."""
    prompt = fill(FROM_PAGES, pages=shown(pages), question=question)
    return read_answer(await asker.ask(prompt))


async def answer_from_memory(
    asker: Asker, question: str, *, temperature: float, seed: int
) -> str:
    """Return the model's answer without any page, empty where it gives none."""
    prompt = fill(FROM_MEMORY, question=question)
    return read_answer(await asker.ask(prompt, temperature=temperature, seed=seed))


def read_answer(reply: str) -> str:
    """Return the answer in a reply, as JSON or plain; empty when it says there is none.

    >>> read_answer('{"answer": "Paris"}'), read_answer("Paris."), read_answer("unknown")
    ('Paris', 'Paris.', '')
    >>> read_answer("I don't know the answer."), read_answer("Unknown Pleasures")
    ('', 'Unknown Pleasures')
    """
    value = read_json_reply(reply, ["answer"]).data.get("answer")
    text = without_thoughts(reply) if value is None else str(value)
    text = " ".join(text.split())
    plain = text.strip(' ."').lower().replace("\u2019", "'")
    return "" if not plain or _REFUSAL.fullmatch(plain) else text


def is_right(answer: str, golds: Sequence[str]) -> bool:
    """Return whether an answer holds a gold answer, and is not a whole lecture.

    Whole words count: "not" holds no "no". A yes, a no or a small number must be the
    answer's whole first clause, since a sentence may hold one that answers nothing.

    >>> is_right("the city of Paris", ["Paris"]), is_right("Parisian", ["Paris"])
    (True, False)
    >>> is_right("No, it is.", ["no"]), is_right("I have no idea", ["no"]), is_right("1923", ["2"])
    (True, False, False)
    """
    short = len(answer.split()) <= LONGEST_TRUSTED
    return short and any(_holds(answer, gold) for gold in golds)


def _holds(answer: str, gold: str) -> bool:
    if is_concluded(gold):
        return score(_CLAUSE_END.split(answer)[0], gold).em == 1.0
    # Marks inside a word join its parts or part them: "U.S.A.", "Paris/Texas".
    return any(
        mentions(normalize(answer, how), normalize(gold, how))
        for how in get_args(Normalization)
    )


def shown(pages: Sequence[SourcePage]) -> str:
    """Return pages as a prompt shows them."""
    return "\n\n".join(
        f"Page {number}: {page.title}\n{page.text[:PAGE_CHARS]}"
        for number, page in enumerate(pages, 1)
    )
