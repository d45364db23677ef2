import json
import multiprocessing
import sqlite3
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from langgraph_deepsearch.tools.cache import Cache, CacheError


def test_value_comes_back_for_the_same_four_parts_only(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "deep" / "c.sqlite")
    cache.put("search", "serper", "tea", {"k": 5, "gl": "de"}, [{"title": "Té"}])
    assert cache.get("search", "serper", "tea", {"gl": "de", "k": 5}) == [{"title": "Té"}]
    for kind, provider, subject, extra in (
        ("page", "serper", "tea", {"k": 5, "gl": "de"}),
        ("search", "tavily", "tea", {"k": 5, "gl": "de"}),
        ("search", "serper", "Tea", {"k": 5, "gl": "de"}),
        ("search", "serper", "tea", {"k": 6, "gl": "de"}),
    ):
        assert cache.get(kind, provider, subject, extra) is None
    cache.close()
    assert len(cache) == 1


def test_empty_list_is_a_value(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "c.sqlite")
    cache.put("search", "p", "q", {}, [])
    assert cache.get("search", "p", "q", {}) == []


def test_entries_expire(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("time.time", lambda: now[0])
    cache = Cache(tmp_path / "c.sqlite", ttl=60)
    cache.put("search", "p", "long", {}, 1)
    cache.put("search", "p", "short", {}, 2, ttl=5)
    now[0] += 10
    assert cache.get("search", "p", "long", {}) == 1
    assert cache.get("search", "p", "short", {}) is None
    now[0] += 60
    assert cache.get("search", "p", "long", {}) is None


@pytest.mark.parametrize(
    "content", [b"this is no database at all" * 50, b"SQLite format 3\0xx"]
)
def test_damaged_file_is_named_with_what_to_do(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "c.sqlite"
    path.write_bytes(content)
    with pytest.raises(CacheError, match=r"c\.sqlite is damaged .*delete that file"):
        Cache(path)
    assert path.read_bytes() == content


def test_newer_layout_is_refused(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "c.sqlite")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(CacheError, match="version 99"):
        Cache(tmp_path / "c.sqlite")


def test_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CacheError, match="cannot be used"):
        Cache(tmp_path / "file" / "c.sqlite")


def opened_together(path: str, together: object) -> None:
    together.wait()  # type: ignore[attr-defined]
    Cache(path).put("search", "p", "q", {}, 1)


def test_processes_make_a_new_file_at_the_same_moment(tmp_path: Path) -> None:
    # SQLite refuses the change to its write-ahead log at once, now and then: many tries.
    context = multiprocessing.get_context("fork")
    for number in range(20):
        together = context.Barrier(8)
        path = str(tmp_path / str(number) / "c.sqlite")
        workers = [
            context.Process(target=opened_together, args=(path, together)) for _ in range(8)
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(60)
        assert [worker.exitcode for worker in workers] == [0] * 8


def fill(path: str, worker: int, start: object) -> None:
    start.wait()  # type: ignore[attr-defined]
    cache = Cache(path)
    for number in range(60):
        cache.put("search", "p", f"shared {number % 7}", {}, {"text": "x" * 2000})
        cache.put("search", "p", f"{worker} {number}", {}, number)
        assert cache.get("search", "p", f"{worker} {number}", {}) == number


def test_processes_write_at_once_and_nothing_is_lost(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    start = context.Event()
    path = str(tmp_path / "c.sqlite")
    workers = [context.Process(target=fill, args=(path, n, start)) for n in range(4)]
    for worker in workers:
        worker.start()
    start.set()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0, 0, 0]
    assert len(Cache(path)) == 4 * 60 + 7


def test_cache_opened_before_a_fork_works_on_both_sides(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "c.sqlite")
    cache.put("search", "p", "before", {}, 1)

    def child() -> None:
        assert cache.get("search", "p", "before", {}) == 1
        cache.put("search", "p", "child", {}, 2)

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join(30)
    assert process.exitcode == 0
    cache.put("search", "p", "parent", {}, 3)
    assert cache.get("search", "p", "child", {}) == 2


def test_threads_share_one_cache(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "c.sqlite")

    def work(worker: int) -> None:
        for number in range(40):
            cache.put("page", "p", f"{worker}/{number}", {}, number)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(cache) == 200


JSON = st.recursive(
    st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("ab"), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(codec="utf-8"), max_size=20), JSON)
def test_any_json_value_comes_back_unchanged(
    shared_cache: Cache, subject: str, value: object
) -> None:
    shared_cache.put("search", "p", subject, {}, value)
    found = shared_cache.get("search", "p", subject, {})
    assert json.dumps(found) == json.dumps(value)


@pytest.fixture(scope="module")
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Cache:
    return Cache(tmp_path_factory.mktemp("c") / "c.sqlite")
