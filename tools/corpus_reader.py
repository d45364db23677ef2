"""Reads the passages of a local corpus by their addresses: pages where there is no web."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from .base import Page, ReadError
from .corpus import Passage, load_corpus
from .safety import normalize_url


class CorpusReader:
    """A reader over a JSON Lines file of `{id, title, text, url?, date?}`.

    A page is read by its `url`, a passage without one by `corpus:ID`, the address that
    `corpus:PATH?snippets` shows for it. Passages of one address are one page, in the
    file's order. Pages have no links: a corpus keeps texts alone.

    Args:
        path: the corpus file, or a folder that holds `corpus.jsonl`.

    Raises:
        CorpusError: no such file, a malformed line, or no text in it.
    """

    name = "corpus"

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        passages, self._hash = load_corpus(self.path)
        self._pages = _pages(passages)

    def __len__(self) -> int:
        return len(self._pages)

    @property
    def settings(self) -> Mapping[str, Any]:
        return {"corpus": self._hash}

    def read(self, url: str) -> Page:
        """Return the page at an address, in whichever spelling."""
        page = self._pages.get(normalize_url(url))
        if page is None:
            msg = f"{url.strip()}: {self.path} holds no text under this address"
            raise ReadError(msg)
        return page

    async def aread(self, url: str) -> Page:
        """Async version of `read`."""
        return self.read(url)


def _pages(passages: Iterable[Passage]) -> dict[str, Page]:
    parts: dict[str, list[Passage]] = {}
    for passage in passages:
        parts.setdefault(normalize_url(passage.address), []).append(passage)
    return {
        address: Page(
            url=found[0].address,
            title=found[0].title,
            text="\n\n".join(passage.text for passage in found),
            date=found[0].date,
        )
        for address, found in parts.items()
    }
