"""The pages that questions are made from, and how they are linked.

Links come from the pages themselves where they were crawled, else from the text: a page
that mentions another's title links to it.
"""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from ...errors import DeepSearchError
from ...surrogates import load_json
from ...tools.corpus import CORPUS_FILE
from ...tools.stemming import terms

MAX_TITLE_WORDS = 8
"""Words of the longest title that is looked for in texts."""

SHORTEST_NAME = 4
"""Letters of the shortest one-word title that is looked for: "It" is in every text."""

_WORD = re.compile(r"\w+")
_NOTE = re.compile(r"\s*\([^)]*\)\s*$")
"""What tells namesakes apart in a title: "Heat (1995 film)"."""


class SynthesisError(DeepSearchError):
    """Questions cannot be made from this."""


@dataclass(frozen=True)
class SourcePage:
    """A page to make questions from."""

    id: str
    title: str
    text: str
    url: str = ""
    links: tuple[str, ...] = ()
    """Ids of the pages it links to, itself left out."""


def plain_title(title: str) -> str:
    """Return a title without the note that tells namesakes apart.

    >>> plain_title("Heat (1995 film)")
    'Heat'
    """
    return _NOTE.sub("", title) or title


class PageSet:
    """Pages by id and by title, and which page mentions what."""

    def __init__(self, pages: Iterable[SourcePage]) -> None:
        self.pages = {page.id: page for page in pages}

    def __len__(self) -> int:
        return len(self.pages)

    def linked(self, page: SourcePage) -> list[SourcePage]:
        """Return the pages that a page links to and that are here."""
        return [self.pages[target] for target in page.links if target in self.pages]

    def mentioned(self, text: str) -> list[tuple[str, SourcePage]]:
        """Return the titles that a text mentions, as it writes them, with their pages.

        The longest title wins; titles that several pages share are left out.
        """
        words = list(_WORD.finditer(text))
        found: dict[str, tuple[str, SourcePage]] = {}
        place = 0
        while place < len(words):
            match = self._longest_at(words, place)
            if match is None:
                place += 1
                continue
            page, length = match
            written = text[words[place].start() : words[place + length - 1].end()]
            found.setdefault(page.id, (written, page))
            place += length
        return list(found.values())

    def _longest_at(
        self, words: Sequence[re.Match[str]], place: int
    ) -> tuple[SourcePage, int] | None:
        for length in range(min(MAX_TITLE_WORDS, len(words) - place), 0, -1):
            name = tuple(word[0] for word in words[place : place + length])
            page = self._by_name.get(name)
            if page is not None:
                return page, length
        return None

    @cached_property
    def _by_name(self) -> dict[tuple[str, ...], SourcePage]:
        names = {id_: _name(page.title) for id_, page in self.pages.items()}
        counts = Counter(names.values())
        return {
            name: self.pages[id_]
            for id_, name in names.items()
            if counts[name] == 1 and _is_name(name)
        }

    @cached_property
    def _holders(self) -> Mapping[str, set[str]]:
        holders: defaultdict[str, set[str]] = defaultdict(set)
        for page in self.pages.values():
            for term in terms(f"{page.title} {page.text}"):
                holders[term].add(page.id)
        return holders

    def holding(self, wanted: Iterable[str]) -> set[str]:
        """Return the ids of the pages whose title and text have all these terms."""
        sets = [self._holders.get(term, set()) for term in set(wanted)]
        return set.intersection(*sets) if sets else set()


def _name(title: str) -> tuple[str, ...]:
    return tuple(_WORD.findall(plain_title(title)))


def _is_name(name: Sequence[str]) -> bool:
    if not name or not any(word[0].isupper() or word[0].isdigit() for word in name):
        return False
    return len(name) > 1 or (len(name[0]) >= SHORTEST_NAME and not name[0].isdigit())


def read_pages(path: str | os.PathLike[str]) -> PageSet:
    """Read a corpus, JSON Lines of `{id, title, text, url?, aliases?, links?}`.

    Pages without `links` (ids, addresses or titles) are linked by the titles they mention;
    `aliases` are other addresses that lead to the page.

    Raises:
        SynthesisError: no such file, a line that is no page, or no text in it.
    """
    source = Path(path)
    source = source / CORPUS_FILE if source.is_dir() else source
    if not source.is_file():
        msg = f"no pages at {source}: give a corpus, JSON Lines of {{id, title, text}}"
        raise SynthesisError(msg)
    records: list[Mapping[str, Any]] = []
    with source.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.isspace():
                records.append(_record(line, f"{source}:{number}"))
    pages = [_page(record, str(place)) for place, record in enumerate(records)]
    if not any(page.text for page in pages):
        msg = f"{source} holds no text: each line must be {{id, title, text}}"
        raise SynthesisError(msg)
    return _linked_set(pages, records)


def _record(line: bytes, where: str) -> Mapping[str, Any]:
    try:
        record = load_json(line)
    except ValueError as error:
        msg = f"{where}: not valid JSON ({error}); mend or remove that line"
        raise SynthesisError(msg) from error
    if not isinstance(record, dict) or not isinstance(record.get("text", ""), str):
        msg = f"{where}: not a page; a page is {{id, title, text}}"
        raise SynthesisError(msg)
    return record


def _page(record: Mapping[str, Any], place: str) -> SourcePage:
    return SourcePage(
        id=str(record.get("id", place)),
        title=str(record.get("title") or ""),
        text=record.get("text", ""),
        url=str(record.get("url") or ""),
    )


def _linked_set(
    pages: Sequence[SourcePage], records: Sequence[Mapping[str, Any]]
) -> PageSet:
    bare = PageSet(pages)
    known = {name: page.id for page in pages for name in (page.title, page.url) if name}
    for page, record in zip(pages, records, strict=True):
        aliases = record.get("aliases")
        if isinstance(aliases, list):
            known |= {str(alias): page.id for alias in aliases}
    known |= {page.id: page.id for page in pages}
    linked = []
    for page, record in zip(pages, records, strict=True):
        given = record.get("links")
        if isinstance(given, list):
            targets = [known[name] for name in map(str, given) if name in known]
        else:
            targets = [other.id for _, other in bare.mentioned(page.text)]
        own = dict.fromkeys(target for target in targets if target != page.id)
        linked.append(replace(page, links=tuple(own)))
    return PageSet(linked)
