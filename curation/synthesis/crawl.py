"""Crawls the pages that questions are made from; a killed crawl goes on where it stopped.

Breadth first from one address, on its host alone. Every page is a line of a log before the
next is asked for, and none is read twice; `pages.jsonl` is written when all are there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urldefrag, urlsplit, urlunsplit

from ...json_lines import append_lines
from ...tools.base import Reader, ReadError
from ..resumable import ITEM, read_log, write_whole
from .pages import SynthesisError

CRAWLED_FILE = "pages.jsonl"
LOG_FILE = "crawl_log.jsonl"
STATE_FILE = "crawl.json"
"""What a crawl writes into its folder: the pages, a line for each address that was read,
and where it began."""

MOST_PAGES = 200
"""Pages read if nothing else is said."""


class CrawlFolder:
    """The files of one crawl.

    Args:
        folder: where they are.
        root: address to start from.
        limit: pages read at most. Another limit than before goes on from what was read.

    Raises:
        SynthesisError: the folder holds the pages of another address.
    """

    def __init__(self, folder: Path, root: str, *, limit: int = MOST_PAGES) -> None:
        self.pages = folder / CRAWLED_FILE
        self._log, self._state = folder / LOG_FILE, folder / STATE_FILE
        self._root, self._limit = plain_address(root), limit
        earlier = self._read_state()
        began = earlier.get("root")
        if began not in (None, self._root):
            msg = (
                f"{folder} was crawled from {began}, now it is {self._root}: take another "
                "--out, or the same address to go on"
            )
            raise SynthesisError(msg)
        if began is None and self.pages.is_file():
            msg = f"{self.pages} is there, but not from where it was crawled: take another --out"
            raise SynthesisError(msg)
        has_all = bool(earlier.get("pages")) and earlier.get("limit") == limit
        self.is_finished = has_all and self.pages.is_file()

    async def crawl(self, reader: Reader) -> int:
        """Read what is missing, write the pages and return how many there are.

        Raises:
            SynthesisError: the root could not be read; says why.
            ResumableError: a line inside the log is no log line.
        """
        records = await crawl(
            reader,
            [self._root],
            limit=self._limit,
            known=read_log(self._log),
            on_read=self._keep,
        )
        lines = (json.dumps(record, ensure_ascii=False) for record in records)
        write_whole(self.pages, lines)
        self._write_state(len(records))
        return len(records)

    def _keep(self, line: Mapping[str, Any]) -> None:
        if not self._state.is_file():
            self._write_state(None)
        append_lines(self._log, [json.dumps(line, ensure_ascii=False)])

    def _read_state(self) -> dict[str, Any]:
        if not self._state.is_file():
            return {}
        try:
            state = json.loads(self._state.read_text(encoding="utf-8"))
        except ValueError:
            state = None
        if not isinstance(state, dict):
            msg = f"{self._state} does not say what was crawled: take another --out"
            raise SynthesisError(msg)
        return state

    def _write_state(self, pages: int | None) -> None:
        state = {"root": self._root, "limit": self._limit, "pages": pages}
        write_whole(self._state, [json.dumps(state, ensure_ascii=False)])


async def crawl(
    reader: Reader,
    roots: Sequence[str],
    *,
    limit: int = MOST_PAGES,
    known: Mapping[str, Mapping[str, Any]] | None = None,
    on_read: Callable[[Mapping[str, Any]], None] | None = None,
) -> list[dict[str, Any]]:
    """Read pages from their links, breadth first, on the hosts of the roots.

    A root's host is also the one that it redirects to. Pages are known by the address they
    have after redirects; what else led to them is among their `aliases`.

    Args:
        reader: reads a page; its safety rules hold.
        roots: addresses to start from.
        limit: pages read at most.
        known: lines of an earlier crawl by address; those are not read again.
        on_read: called with the line of each address that was read.

    Returns:
        Records as `read_pages` takes them. Pages that cannot be read are left out.

    Raises:
        SynthesisError: none of the roots could be read; says why.
    """
    queue = list(dict.fromkeys(map(plain_address, roots)))
    starts, seen = frozenset(queue), set(queue)
    hosts = set(map(_host, queue))
    records: dict[str, dict[str, Any]] = {}
    trouble = ""
    for address in queue:  # grows while it is read
        if len(records) >= limit:
            break
        if address in records:  # a redirect led there before
            continue
        try:
            line = (known or {}).get(address) or await _read(reader, address, on_read)
        except ReadError as error:
            trouble = trouble or str(error)
            continue
        if address in starts:
            hosts.add(_host(line["id"]))
        elif _host(line["id"]) not in hosts:
            continue
        page = {name: value for name, value in line.items() if name != ITEM}
        record = records.setdefault(page["id"], {**page, "aliases": []})
        record["aliases"] += [address] * (address != page["id"])
        fresh = [t for t in page["links"] if t not in seen and _host(t) in hosts]
        seen.update(fresh)
        queue += fresh
    if not records:
        msg = f"none of the roots could be read: {trouble or 'no root was given'}"
        raise SynthesisError(msg)
    return list(records.values())


async def _read(
    reader: Reader, address: str, on_read: Callable[[Mapping[str, Any]], None] | None
) -> dict[str, Any]:
    """Return a page as a line of the log.

    Raises:
        ReadError: it cannot be read.
    """
    page = await reader.aread(address)
    links = dict.fromkeys(plain_address(target) for _, target in page.links)
    line = {
        ITEM: address,
        "id": plain_address(page.url),
        "title": page.title,
        "text": page.text,
        "url": page.url,
        "links": list(links),
    }
    if on_read:
        on_read(line)
    return line


def plain_address(url: str) -> str:
    """Return an address without its fragment; a host alone has the path `/`.

    >>> plain_address("http://a.example#x"), plain_address("http://a.example/b?c#x")
    ('http://a.example/', 'http://a.example/b?c')
    """
    parts = urlsplit(urldefrag(url.strip()).url)
    return urlunsplit(parts._replace(path=parts.path or "/")) if parts.netloc else url


def _host(address: str) -> str:
    return urlsplit(address).netloc
