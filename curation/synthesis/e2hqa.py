"""E2HQA: from easy to hard by hiding a name behind a question about it.

WebDancer's paper text: an entity of a question is replaced by a description of it from its
own page, again and again; the answer stays. No code was published.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from ...questions import Question
from ...tools.stemming import terms
from ..asking import Asker, fill
from ..resumable import question_key
from .answering import answer_from, is_right, shown
from .checks import check_clue, check_pair, content_terms, mentions
from .method import Draft, Method, RejectedError, reject, said
from .pages import PageSet, SourcePage

PROMPT = """A question names "{{name}}". Make it harder: describe it so that a reader has to \
find out first what is meant.

{{pages}}

Question: {{question}}

Use one or two facts of the page that fit nothing else. The clue is a noun phrase that can \
stand in the question in place of the name, such as "the river that flows through Celle". It \
must not contain the name or parts of it. The sub-question asks for the name by the same facts.
Reply with one JSON object {"clue": "...", "sub_question": "..."}."""
"""Our own words."""


@dataclass(frozen=True)
class Hiding:
    """One name that was replaced."""

    name: str
    clue: str
    sub_question: str
    page: SourcePage


class E2HQA(Method[Question]):
    """Makes questions harder.

    Args:
        asker: the model that writes.
        pages: where the pages of the entities are.
        rounds: names hidden at most, one after the other.
        verify: also let the model answer each sub-question from its page.
    """

    name = "e2hqa"

    def __init__(
        self, asker: Asker, pages: PageSet, *, rounds: int = 1, verify: bool = True
    ) -> None:
        super().__init__(asker)
        self._pages = pages
        self._rounds = max(1, rounds)
        self._verify = verify

    @staticmethod
    def key(item: Question) -> str:
        return question_key(item)

    def settings(self) -> Mapping[str, Any]:
        return {"rounds": self._rounds, "verify": self._verify}

    async def draft(self, item: Question, attempt: int, rng: Random) -> Draft:
        """Hide names until there is none left, or a round fails: one is enough."""
        if not item.golds:
            reject("no answer")
        question, hidden = item.question, []
        answer, *aliases = item.golds
        for _ in range(self._rounds):
            try:
                hiding = await self._hide(question, item.golds, hidden, attempt, rng)
                harder = replace_name(question, hiding.name, hiding.clue)
                reject(check_pair(harder, answer, aliases))
                reject("name still there" if mentions(harder, hiding.name) else None)
            except RejectedError:
                if not hidden:
                    raise
                break
            question = harder
            hidden.append(hiding)
        details = {
            "hops": len(hidden) + 1,
            "easy_question": item.question,
            "easy_id": item.id,
            "decomposition": [
                {
                    "question": one.sub_question,
                    "answer": one.name,
                    "clue": one.clue,
                    "page": one.page.id,
                }
                for one in reversed(hidden)
            ],
        }
        pages = [one.page for one in reversed(hidden)]
        return Draft(question, answer, pages, details, aliases)

    async def _hide(
        self,
        question: str,
        answers: Sequence[str],
        hidden: list[Hiding],
        attempt: int,
        rng: Random,
    ) -> Hiding:
        used = {hiding.page.id for hiding in hidden}
        candidates = [
            (name, page)
            for name, page in self._pages.mentioned(question)
            if page.id not in used and not any(mentions(one, name) for one in answers)
        ]
        if not candidates:
            reject("no name with a page")
        name, page = rng.choice(candidates)
        prompt = fill(PROMPT, name=name, question=question, pages=shown([page]))
        data = await self.reply(prompt, ("clue",), attempt)
        clue, asked = said(data, "clue").rstrip(".?"), said(data, "sub_question")
        own = f"{page.title} {page.text}"
        reject(check_clue(clue, name, answers, own))
        reject(check_pair(asked, name))
        # Words that the page itself lacks are other words for what it says: they would
        # keep the clue from fitting any page.
        told = set(content_terms(clue)).intersection(terms(own))
        if self._pages.holding(told) - {page.id}:
            reject("clue fits another page")
        if self._verify and not is_right(
            await answer_from(self.asker, asked, [page]), [name]
        ):
            reject("sub-question not answered from its page")
        return Hiding(name, clue, asked, page)


def replace_name(question: str, name: str, clue: str) -> str:
    """Return a question with a name replaced wherever it stands as whole words.

    >>> replace_name("Who directed Heat?", "Heat", "the film shot in Los Angeles")
    'Who directed the film shot in Los Angeles?'
    >>> replace_name("Heat is by whom?", "Heat", "the film shot in Los Angeles")
    'The film shot in Los Angeles is by whom?'
    """
    pattern = rf"\b(?:[Tt]he )?{re.escape(name)}\b"
    replaced = re.sub(pattern, lambda _: clue, question)
    return replaced[:1].upper() + replaced[1:] if question[:1].isupper() else replaced
