"""RAMP: key spans of a passage are masked and must be found by search (MaskSearch).

The published code (src/RAMP/gen_qa.py) draws masks with replacement (:116), so that fewer
than wanted are masked, and changes a list while it goes over it (:90-92), so that some
repeated entities stay. Here every mask is another span, and none stands elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Literal

from ..asking import Asker, fill
from ..sampling.labels import as_key_points
from .checks import mentions
from .method import Draft, Method, reject
from .pages import PageSet, SourcePage
from .rule_spans import RuleSpans

MASK = "[mask]"
MOST_MASKS = 4
"""Masks of a passage (gen_qa.py:97-103)."""

SHORTEST_PASSAGE, LONGEST_PASSAGE = 120, 2500
"""Characters of a passage that is used; longer ones are cut at a sentence."""

PROMPT = """List the key spans of a passage: names of people, places, organisations and works, \
dates, numbers with their unit, and special terms. Copy each word for word; at most twelve.

Passage: {{passage}}

Reply with one JSON object {"spans": ["...", "..."]}."""

TASK = """Some words of the following passage were replaced by [mask]. Find out what they \
are, and give them in their order, separated by semicolons.

Passage: {{passage}}"""
"""Our own words. The published prompt asks for the whole passage, which mostly scores
copying."""

_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
"""A sign of Chinese or Japanese, where nothing shows where a word begins or ends."""

_SPACED = r"[^\W\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]"
"""Any other letter or digit."""

_STOPS = re.compile(r"[.!?] |[。！？]")

Rule = Literal["curriculum", "published"]


@dataclass(frozen=True)
class Passage:
    """A passage and how many masks it shall get at most."""

    page: SourcePage
    text: str
    masks: int


class Ramp(Method[Passage]):
    """Makes questions by masking.

    Args:
        asker: the model that names the spans, or the rules that stand in for it.
        rule: `curriculum`: passages take turns at 1 to 4 masks; `published`: 1 to all of
            fewer than three spans, else three or four.
    """

    name = "ramp"

    def __init__(self, asker: Asker, *, rule: Rule = "curriculum") -> None:
        super().__init__(asker)
        self._rule: Rule = rule

    @staticmethod
    def key(item: Passage) -> str:
        return item.page.id

    def settings(self) -> Mapping[str, Any]:
        named = {"spans": "rules"} if isinstance(self.asker, RuleSpans) else {}
        return {"rule": self._rule, **named}

    async def draft(self, item: Passage, attempt: int, rng: Random) -> Draft:
        named = await self._named(item.text, attempt)
        spans = maskable(item.text, item.page.title, named)
        if not spans:
            reject("no span that can be masked")
        count = mask_count(len(spans), rng) if self._rule == "published" else item.masks
        chosen = choose_spans(spans, min(count, len(spans)), rng)
        masked = mask(item.text, chosen)
        answers = [item.text[start:end] for start, end in chosen]
        reject(
            "answer in the question" if any(mentions(masked, a) for a in answers) else None
        )
        details = {"masks": len(chosen), "spans": answers, "hops": len(chosen)}
        question = fill(TASK, passage=masked)
        return Draft(question, "; ".join(answers), [item.page], details)

    async def _named(self, text: str, attempt: int) -> list[str]:
        if isinstance(self.asker, RuleSpans):
            return self.asker.spans(text)
        data = await self.reply(fill(PROMPT, passage=text), ("spans", "entities"), attempt)
        return _texts(data.get("spans", data.get("entities")))


def _texts(value: Any) -> list[str]:
    """Return the spans of a reply as written; other types by way of labels."""
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return [" ".join(one.split()) for one in value]
    return as_key_points(value)


def maskable(text: str, title: str, spans: Sequence[str]) -> list[tuple[int, int]]:
    """Return where spans stand that can be masked, in order, none overlapping another.

    A span must stand in the text once, and not in the title: as whole words, in Chinese and
    Japanese as characters.

    >>> text = "Ada Lovelace was born in London. London is large."
    >>> maskable(text, "Lovelace", ["Ada Lovelace", "London", "Ada", "born in"])
    [(0, 3), (17, 24)]
    >>> maskable("它在1934年出版。", "书", ["1934", "出版"])
    [(2, 6), (7, 9)]
    """
    places: list[tuple[int, int]] = []
    for span in sorted(dict.fromkeys(spans), key=lambda one: (-len(one), one)):
        if not span or mentions(title, span) or mentions(span, title):
            continue
        found = list(re.finditer(_bounded(span), text, re.IGNORECASE))
        if len(found) != 1:
            continue
        start, end = found[0].span()
        if all(end <= other or start >= past for other, past in places):
            places.append((start, end))
    return sorted(places)


def _bounded(span: str) -> str:
    """Return a pattern for a span that begins and ends no word halfway."""
    before = "" if _UNSPACED.match(span[0]) else rf"(?<!{_SPACED})"
    after = "" if _UNSPACED.match(span[-1]) else rf"(?!{_SPACED})"
    return before + re.escape(span) + after


def mask_count(spans: int, rng: Random) -> int:
    """Return how many of a passage's spans the published rule masks (gen_qa.py:97-103).

    >>> [mask_count(n, Random(0)) for n in (1, 3, 9)]
    [1, 3, 4]
    """
    return rng.randint(1, spans) if spans < 3 else min(spans, MOST_MASKS)


def choose_spans(
    places: Sequence[tuple[int, int]], count: int, rng: Random
) -> list[tuple[int, int]]:
    """Return distinct spans, longer ones more likely, in their order.

    Weighted by length as the published code does, but without replacement: the largest
    keys u^(1/w) are such a sample (Efraimidis and Spirakis 2006).
    """
    keyed = [(rng.random() ** (1 / (end - start)), (start, end)) for start, end in places]
    return sorted(place for _, place in sorted(keyed, reverse=True)[:count])


def mask(text: str, places: Sequence[tuple[int, int]]) -> str:
    """Return the text with spans masked.

    >>> mask("Ada was born in London.", [(0, 3), (16, 22)])
    '[mask] was born in [mask].'
    """
    for start, end in sorted(places, reverse=True):
        text = f"{text[:start]}{MASK}{text[end:]}"
    return text


def passages(pages: PageSet, count: int, *, seed: int = 0) -> list[Passage]:
    """Return passages in turns of 1 to 4 masks, the same for the same pages and seed."""
    rng = Random(seed)
    ids = sorted(pages.pages)
    rng.shuffle(ids)
    texts = ((pages.pages[id_], _cut(pages.pages[id_].text)) for id_ in ids)
    usable = [(page, text) for page, text in texts if len(text) >= SHORTEST_PASSAGE]
    return [
        Passage(page, text, 1 + place % MOST_MASKS)
        for place, (page, text) in enumerate(usable[:count])
    ]


def _cut(text: str) -> str:
    """Return the text's sentences up to the longest length."""
    flat = " ".join(text.replace(MASK, " ").split())
    if len(flat) <= LONGEST_PASSAGE:
        return flat
    ends = [stop.start() + 1 for stop in _STOPS.finditer(flat, 0, LONGEST_PASSAGE)]
    return flat[: ends[-1]] if ends else ""


def curriculum(
    records: Sequence[Mapping[str, Any]], seed: int = 0
) -> list[Mapping[str, Any]]:
    """Return records in stages of more and more masks, shuffled within a stage.

    MaskSearch trains by mask count, few first (its paper).
    """
    order = sorted(records, key=lambda record: str(record["id"]))
    Random(seed).shuffle(order)
    return sorted(order, key=lambda record: int(record["masks"]))
