"""Search providers and readers with a cache before them."""

from __future__ import annotations

import asyncio
import json
import warnings
from collections.abc import Mapping
from typing import Any

from ..trace import Document
from .base import Episode, Page, Reader, SearchProvider
from .cache import Cache, CacheError, Kind
from .safety import normalize_url
from .single_flight import SingleFlight

EMPTY_SECONDS = 3600.0
"""How long "nothing found" is believed. It is a success, but often a passing one: an
engine throttles quietly, a page is not indexed yet. An hour spares the repeats within one
run and its rollouts, and does not freeze a gap into every later experiment."""


class _Saving:
    """A cache whose own failure costs the saving and no more.

    What it cannot give is asked for, what it cannot keep was paid for and is returned; the
    first failure is told as a warning.
    """

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._has_told = False

    def get(self, kind: Kind, name: str, subject: str, settings: Mapping[str, Any]) -> Any:
        try:
            return self._cache.get(kind, name, subject, settings)
        except CacheError as error:
            self._tell(error)
            return None

    def put(
        self,
        kind: Kind,
        name: str,
        subject: str,
        settings: Mapping[str, Any],
        value: Any,
        *,
        ttl: float | None = None,
    ) -> None:
        try:
            self._cache.put(kind, name, subject, settings, value, ttl=ttl)
        except CacheError as error:
            self._tell(error)

    def _tell(self, error: CacheError) -> None:
        if not self._has_told:
            self._has_told = True
            msg = f"{error}; until then results are asked for again"
            warnings.warn(msg, RuntimeWarning, stacklevel=3)


class CachedSearch:
    """A search provider that asks for the same query, k and settings once.

    Equal searches under way at the same time are one. Failures are not kept. Searches
    for a simulator, which depend on the episode, pass through. A cache that cannot be read
    or written is a warning, no failed search.
    """

    def __init__(
        self,
        provider: SearchProvider,
        cache: Cache,
        *,
        empty_seconds: float = EMPTY_SECONDS,
    ) -> None:
        self.provider = provider
        self.cache = cache
        self._saving = _Saving(cache)
        self.empty_seconds = empty_seconds
        self._flights: SingleFlight[tuple[list[Document], bool]] = SingleFlight()

    @property
    def name(self) -> str:
        """The provider's name."""
        return self.provider.name

    @property
    def returns_full_text(self) -> bool:
        """Whether the provider's documents are whole passages."""
        return self.provider.returns_full_text

    @property
    def needs_episode(self) -> bool:
        """Whether the provider must know the question; its searches then pass through."""
        return getattr(self.provider, "needs_episode", False)

    @property
    def settings(self) -> Mapping[str, Any]:
        return self.provider.settings

    def search(
        self, query: str, k: int, *, episode: Episode | None = None
    ) -> list[Document]:
        """Return the kept result, or search and keep it."""
        return self.search_cached(query, k, episode=episode)[0]

    async def asearch(
        self, query: str, k: int, *, episode: Episode | None = None
    ) -> list[Document]:
        """Async version of `search`."""
        return (await self.asearch_cached(query, k, episode=episode))[0]

    def search_cached(
        self, query: str, k: int, *, episode: Episode | None = None
    ) -> tuple[list[Document], bool]:
        """Return the documents, and whether they came from the cache."""
        if episode is not None:
            return self.provider.search(query, k, episode=episode), False

        def fresh() -> tuple[list[Document], bool]:
            kept = self._get(query, k)
            if kept is not None:
                return kept, True
            documents = self.provider.search(query, k)
            self._put(query, k, documents)
            return documents, False

        return _copied(self._flights.run(self._flight(query, k), fresh))

    async def asearch_cached(
        self, query: str, k: int, *, episode: Episode | None = None
    ) -> tuple[list[Document], bool]:
        """Async version of `search_cached`."""
        if episode is not None:
            return await self.provider.asearch(query, k, episode=episode), False

        async def fresh() -> tuple[list[Document], bool]:
            kept = await asyncio.to_thread(self._get, query, k)
            if kept is not None:
                return kept, True
            documents = await self.provider.asearch(query, k)
            await asyncio.to_thread(self._put, query, k, documents)
            return documents, False

        return _copied(await self._flights.arun(self._flight(query, k), fresh))

    def _key_settings(self, k: int) -> dict[str, Any]:
        return {**self.provider.settings, "k": k}

    def _flight(self, query: str, k: int) -> str:
        return json.dumps([query, self._key_settings(k)], sort_keys=True)

    def _get(self, query: str, k: int) -> list[Document] | None:
        found = self._saving.get("search", self.name, query, self._key_settings(k))
        return None if found is None else [Document(**entry) for entry in found]

    def _put(self, query: str, k: int, documents: list[Document]) -> None:
        value = [document.model_dump(exclude_defaults=True) for document in documents]
        ttl = None if documents else self.empty_seconds
        settings = self._key_settings(k)
        self._saving.put("search", self.name, query, settings, value, ttl=ttl)


class CachedReader:
    """A reader that fetches the same page with the same settings once.

    Addresses that differ only in fragment, tracking parameters and the like are one page.
    """

    def __init__(self, reader: Reader, cache: Cache) -> None:
        self.reader = reader
        self.cache = cache
        self._saving = _Saving(cache)
        self._flights: SingleFlight[tuple[Page, bool]] = SingleFlight()

    @property
    def name(self) -> str:
        """The reader's name."""
        return self.reader.name

    @property
    def settings(self) -> Mapping[str, Any]:
        return self.reader.settings

    def read(self, url: str) -> Page:
        """Return the kept page, or read and keep it."""
        return self.read_cached(url)[0]

    async def aread(self, url: str) -> Page:
        """Async version of `read`."""
        return (await self.aread_cached(url))[0]

    def read_cached(self, url: str) -> tuple[Page, bool]:
        """Return the page, and whether it came from the cache."""

        def fresh() -> tuple[Page, bool]:
            kept = self._get(url)
            if kept is not None:
                return kept, True
            page = self.reader.read(url)
            self._put(url, page)
            return page, False

        return self._flights.run(normalize_url(url), fresh)

    async def aread_cached(self, url: str) -> tuple[Page, bool]:
        """Async version of `read_cached`."""

        async def fresh() -> tuple[Page, bool]:
            kept = await asyncio.to_thread(self._get, url)
            if kept is not None:
                return kept, True
            page = await self.reader.aread(url)
            await asyncio.to_thread(self._put, url, page)
            return page, False

        return await self._flights.arun(normalize_url(url), fresh)

    def _get(self, url: str) -> Page | None:
        found = self._saving.get("page", self.name, normalize_url(url), self.settings)
        if found is None:
            return None
        links = tuple((label, target) for label, target in found.pop("links"))
        return Page(links=links, **found)

    def _put(self, url: str, page: Page) -> None:
        value = {
            "url": page.url,
            "title": page.title,
            "text": page.text,
            "date": page.date,
            "links": page.links,
            "metadata": dict(page.metadata),
        }
        self._saving.put("page", self.name, normalize_url(url), self.settings, value)


def search_cached(
    provider: SearchProvider, query: str, k: int, *, episode: Episode | None = None
) -> tuple[list[Document], bool]:
    """Search with any provider; also return whether a cache had the answer."""
    if isinstance(provider, CachedSearch):
        return provider.search_cached(query, k, episode=episode)
    return provider.search(query, k, episode=episode), False


async def asearch_cached(
    provider: SearchProvider, query: str, k: int, *, episode: Episode | None = None
) -> tuple[list[Document], bool]:
    """Async version of `search_cached`."""
    if isinstance(provider, CachedSearch):
        return await provider.asearch_cached(query, k, episode=episode)
    return await provider.asearch(query, k, episode=episode), False


def _copied(found: tuple[list[Document], bool]) -> tuple[list[Document], bool]:
    """Return documents of the caller's own: callers give them ids, and may share a flight."""
    documents, was_cached = found
    return [document.model_copy() for document in documents], was_cached
