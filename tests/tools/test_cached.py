import asyncio
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from langgraph_deepsearch.tools.base import (
    Episode,
    Page,
    Reader,
    ReadError,
    SearchError,
    SearchProvider,
)
from langgraph_deepsearch.tools.cache import Cache
from langgraph_deepsearch.tools.cached import (
    EMPTY_SECONDS,
    CachedReader,
    CachedSearch,
    asearch_cached,
    search_cached,
)
from langgraph_deepsearch.trace import Document


class Counting:
    """A provider and reader that counts, and fails when told so."""

    name = "counting"
    returns_full_text = False

    def __init__(self, region: str = "de", pause: float = 0.0) -> None:
        self.calls: list[str] = []
        self.failures = 0
        self.found = True
        self.needs_episode = False
        self.region = region
        self.pause = pause

    @property
    def settings(self) -> Mapping[str, Any]:
        return {"region": self.region}

    def search(
        self, query: str, k: int, *, episode: Episode | None = None
    ) -> list[Document]:
        self.calls.append(query)
        time.sleep(self.pause)
        if self.failures:
            self.failures -= 1
            msg = "down"
            raise SearchError(msg)
        return [Document(title=query, url="u", score=1.5)] * k if self.found else []

    async def asearch(
        self, query: str, k: int, *, episode: Episode | None = None
    ) -> list[Document]:
        await asyncio.sleep(self.pause)
        return self.search(query, k, episode=episode)

    def read(self, url: str) -> Page:
        self.calls.append(url)
        if self.failures:
            self.failures -= 1
            msg = "down"
            raise ReadError(msg)
        return Page(url, "T", "text", "2024", (("a", "http://b.test"),), {"bytes": 4})

    async def aread(self, url: str) -> Page:
        return self.read(url)


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "c.sqlite")


def test_second_search_is_kept_and_says_so(cache: Cache) -> None:
    inner = Counting()
    search = CachedSearch(inner, cache)
    assert isinstance(search, SearchProvider)
    fresh, was_cached = search_cached(search, "tea", 2)
    assert not was_cached
    assert search_cached(search, "tea", 2) == (fresh, True)
    assert asyncio.run(asearch_cached(search, "tea", 2)) == (fresh, True)
    assert search.search("tea", 2) == fresh
    assert inner.calls == ["tea"]
    search.search("tea", 3)
    CachedSearch(Counting(region="fr"), cache)
    assert inner.calls == ["tea", "tea"]


def test_other_settings_are_another_entry(cache: Cache) -> None:
    CachedSearch(Counting(), cache).search("tea", 2)
    other = Counting(region="fr")
    assert CachedSearch(other, cache).search_cached("tea", 2)[1] is False


def test_failures_are_not_kept(cache: Cache) -> None:
    inner = Counting()
    inner.failures = 1
    search = CachedSearch(inner, cache)
    with pytest.raises(SearchError):
        search.search("tea", 1)
    assert len(cache) == 0
    assert search.search("tea", 1)[0].title == "tea"


def test_nothing_found_is_kept_for_a_while_only(
    cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = Counting()
    inner.found = False
    search = CachedSearch(inner, cache)
    assert search.search_cached("tea", 1) == ([], False)
    assert search.search_cached("tea", 1) == ([], True)
    later = time.time() + EMPTY_SECONDS + 1
    monkeypatch.setattr("time.time", lambda: later)
    inner.found = True
    documents, was_cached = search.search_cached("tea", 1)
    assert documents
    assert not was_cached


def test_simulated_searches_pass_through(cache: Cache) -> None:
    inner = Counting()
    search = CachedSearch(inner, cache)
    for _ in range(2):
        search.search("tea", 1, episode=Episode(question="?"))
    assert len(inner.calls) == 2


def test_equal_searches_under_way_are_one(cache: Cache) -> None:
    inner = Counting(pause=0.1)
    search = CachedSearch(inner, cache)

    async def many() -> list:
        return await asyncio.gather(*(search.asearch("tea", 1) for _ in range(20)))

    results = asyncio.run(many())
    assert len(inner.calls) == 1
    results[0][0].id = "1"  # a caller gives ids to its own documents
    assert results[1][0].id == ""


def test_threads_asking_the_same_are_one(cache: Cache) -> None:
    inner = Counting(pause=0.1)
    search = CachedSearch(inner, cache)
    threads = [threading.Thread(target=search.search, args=("tea", 1)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(inner.calls) == 1


async def test_cancelled_first_caller_does_not_take_the_others_along(cache: Cache) -> None:
    inner = Counting(pause=0.1)
    search = CachedSearch(inner, cache)
    first = asyncio.create_task(search.asearch("tea", 1))
    await asyncio.sleep(0.02)
    second = asyncio.create_task(search.asearch("tea", 1))
    await asyncio.sleep(0.02)
    first.cancel()
    assert (await second)[0].title == "tea"
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_cancelled_waiting_caller_leaves_the_first_alone(cache: Cache) -> None:
    search = CachedSearch(Counting(pause=0.1), cache)
    first = asyncio.create_task(search.asearch("tea", 1))
    await asyncio.sleep(0.02)
    second = asyncio.create_task(search.asearch("tea", 1))
    await asyncio.sleep(0.02)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    assert (await first)[0].title == "tea"


def test_page_is_read_once_whatever_its_spelling(cache: Cache) -> None:
    inner = Counting()
    reader = CachedReader(inner, cache)
    assert isinstance(reader, Reader)
    fresh, _ = reader.read_cached("http://A.test/x?utm_source=n#top")
    assert reader.read_cached("http://a.test/x/") == (fresh, True)
    assert asyncio.run(reader.aread_cached("http://a.test/x")) == (fresh, True)
    assert len(inner.calls) == 1
    inner.failures = 1
    with pytest.raises(ReadError):
        reader.read("http://a.test/y")
    assert reader.read_cached("http://a.test/y")[1] is False


def break_file(cache: Cache) -> None:
    cache.close()
    cache.path.write_bytes(b"rubbish" * 500)
    for suffix in ("-wal", "-shm"):
        cache.path.with_name(cache.path.name + suffix).unlink(missing_ok=True)


def test_broken_cache_costs_a_warning_and_no_search(cache: Cache) -> None:
    inner = Counting()
    search = CachedSearch(inner, cache)
    break_file(cache)
    with pytest.warns(RuntimeWarning, match="delete that file") as told:
        found = [search.search_cached("tea", 1) for _ in range(2)]
    assert [was_cached for _, was_cached in found] == [False, False]
    assert found[0][0][0].title == "tea"
    assert len(inner.calls) == 2
    assert len(told) == 1


async def test_broken_cache_costs_a_warning_and_no_page(cache: Cache) -> None:
    reader = CachedReader(Counting(), cache)
    break_file(cache)
    with pytest.warns(RuntimeWarning, match="delete that file"):
        page = await reader.aread("http://a.test/x")
    assert page == reader.read("http://a.test/x")


def test_result_that_cannot_be_written_is_returned(cache: Cache) -> None:
    inner = Counting()
    search = CachedSearch(inner, cache)
    with pytest.warns(RuntimeWarning, match="not Unicode"):
        assert search.search("half a pair \ud83d", 1)
    assert search.search("tea", 1)
    assert search.search_cached("tea", 1)[1]


def test_wrapped_simulator_still_asks_for_its_episode(cache: Cache) -> None:
    inner = Counting()
    assert not CachedSearch(inner, cache).needs_episode
    inner.needs_episode = True
    assert CachedSearch(inner, cache).needs_episode
