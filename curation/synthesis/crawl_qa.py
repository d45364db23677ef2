"""CrawlQA: a question across linked pages (WebDancer, paper text; no code was published).

The first page leads to the next by a link, the last holds the answer, and the question
does not name it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from ..asking import Asker, fill
from .answering import answer_from, is_right, shown
from .checks import (
    check_answer_in_source,
    check_hop_needed,
    check_pair,
    check_starts_from,
)
from .method import Draft, Method, reject, said
from .pages import PageSet, SourcePage, SynthesisError, plain_title

SHORTEST_TEXT = 80
"""Characters of a page that is worth a question."""

MOST_STEPS = 10_000
"""Pages looked at for one chain: those ahead of a chain may be many, and lead nowhere."""

Chain = tuple[SourcePage, ...]

PROMPT = """Write one question that can only be answered by reading all of these pages, one \
after the other. Each page leads to the next.

{{pages}}

The question starts from "{{first}}" and asks for a fact of the last page, "{{last}}", without \
naming that page or one between: each must be found through the page before. The answer is a \
name, a date, a number or a few words, stands word for word in the last page, and in no other.
Reply with one JSON object {"question": "...", "answer": "..."}."""
"""Our own words."""


class CrawlQA(Method[Chain]):
    """Makes questions from chains of linked pages.

    Args:
        asker: the model that writes.
        verify: also let the model answer: it must fail without the last page and succeed
            with all.
    """

    name = "crawlqa"

    def __init__(self, asker: Asker, *, verify: bool = True) -> None:
        super().__init__(asker)
        self._verify = verify

    @staticmethod
    def key(item: Chain) -> str:
        return " > ".join(page.id for page in item)

    def settings(self) -> Mapping[str, Any]:
        return {"verify": self._verify}

    async def draft(self, item: Chain, attempt: int, rng: Random) -> Draft:
        first, last = item[0], item[-1]
        names = [plain_title(page.title) for page in item]
        prompt = fill(PROMPT, pages=shown(item), first=names[0], last=names[-1])
        data = await self.reply(prompt, ("question", "answer"), attempt)
        question, answer = said(data, "question"), said(data, "answer")
        earlier = [f"{page.title} {page.text}" for page in item[:-1]]
        reject(check_pair(question, answer))
        reject(check_answer_in_source(answer, last.text))
        reject(check_hop_needed(question, answer, earlier, names[1:]))
        reject(check_starts_from(question, names[0], first.text))
        if self._verify:
            if is_right(await answer_from(self.asker, question, item[:-1]), [answer]):
                reject("answered without the last page")
            if not is_right(await answer_from(self.asker, question, item), [answer]):
                reject("not answered from its pages")
        return Draft(question, answer, item, {"hops": len(item)})


def chains(pages: PageSet, count: int, *, hops: int = 2, seed: int = 0) -> list[Chain]:
    """Return chains of linked pages, the same for the same pages and seed.

    Every page starts at most one chain; no page is in one twice.

    Args:
        pages: the pages.
        count: chains wanted.
        hops: pages of a chain, at least 2.
        seed: of the choice.

    Raises:
        SynthesisError: no chain of that length is there.
    """
    if hops < 2:
        msg = f"a chain of linked pages has at least 2 hops, not {hops}"
        raise SynthesisError(msg)
    rng = Random(seed)
    starts = sorted(pages.pages)
    rng.shuffle(starts)
    found: list[Chain] = []
    for start in starts:
        chain = _walk(pages, pages.pages[start], hops, rng)
        if chain:
            found.append(chain)
        if len(found) == count:
            break
    if not found:
        msg = f"no {hops} of the {len(pages)} pages are linked: take a corpus with links"
        raise SynthesisError(msg)
    return found


def _walk(pages: PageSet, start: SourcePage, hops: int, rng: Random) -> Chain:
    """Return a chain from a page, depth first over shuffled links; empty if there is none."""
    if not _is_usable(start, ()):
        return ()
    chain = [start]
    ways = [_onward(pages, chain, rng)]  # what is left to try after each page of the chain
    for _ in range(MOST_STEPS):
        if len(chain) == hops:
            return tuple(chain)
        while ways and not ways[-1]:
            ways.pop()
            chain.pop()
        if not ways:
            return ()
        chain.append(ways[-1].pop())
        ways.append(_onward(pages, chain, rng) if len(chain) < hops else [])
    return ()


def _onward(pages: PageSet, chain: Sequence[SourcePage], rng: Random) -> list[SourcePage]:
    onward = [page for page in pages.linked(chain[-1]) if _is_usable(page, chain)]
    rng.shuffle(onward)
    return onward


def _is_usable(page: SourcePage, chain: Sequence[SourcePage]) -> bool:
    return page not in chain and len(page.text) >= SHORTEST_TEXT and bool(page.title)
