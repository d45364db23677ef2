"""A model answers a question from given pages, or from nothing."""

from __future__ import annotations

from collections.abc import Sequence

from ...evals.metrics import score
from ..asking import Asker, fill
from ..json_reply import read_json_reply
from .pages import SourcePage

PAGE_CHARS = 3000
"""Characters of a page that are shown."""

LONGEST_TRUSTED = 30
"""Words of an answer that is looked at; in a longer one any name may be found."""

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
    """Return the answer in a reply, as JSON or plain.

    >>> read_answer('{"answer": "Paris"}'), read_answer("Paris."), read_answer("unknown")
    ('Paris', 'Paris.', '')
    """
    value = read_json_reply(reply, ["answer"]).data.get("answer")
    text = reply.rpartition("</think>")[2] if value is None else str(value)
    text = " ".join(text.split())
    return "" if text.strip(' ."').lower() in ("unknown", "") else text


def is_right(answer: str, golds: Sequence[str]) -> bool:
    """Return whether an answer holds a gold answer, and is not a whole lecture."""
    return len(answer.split()) <= LONGEST_TRUSTED and score(answer, golds).acc == 1.0


def shown(pages: Sequence[SourcePage]) -> str:
    """Return pages as a prompt shows them."""
    return "\n\n".join(
        f"Page {number}: {page.title}\n{page.text[:PAGE_CHARS]}"
        for number, page in enumerate(pages, 1)
    )
