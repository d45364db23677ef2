import json
from pathlib import Path
from typing import Any

import pytest

from langgraph_deepsearch.errors import DeepSearchError
from langgraph_deepsearch.nodes.search import episode_for
from langgraph_deepsearch.tools.base import Episode, ReadError
from langgraph_deepsearch.tools.cached import CachedReader, CachedSearch, search_cached
from langgraph_deepsearch.tools.corpus import CorpusSearch
from langgraph_deepsearch.tools.factory import (
    SearchSpecError,
    check_search_spec,
    make_reader,
    make_search,
    split_corpus_spec,
)
from langgraph_deepsearch.tools.http_retriever import HttpRetriever
from langgraph_deepsearch.tools.searxng import SearxngSearch
from langgraph_deepsearch.tools.serper import SerperSearch
from langgraph_deepsearch.tools.tavily import TavilySearch


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    path = tmp_path / "corpus.jsonl"
    path.write_text(json.dumps({"id": "1", "title": "Tea", "text": "A drink."}) + "\n")
    return path


def test_each_form_gives_its_provider(
    monkeypatch: pytest.MonkeyPatch, corpus: Path
) -> None:
    monkeypatch.setenv("TAVILY_API_KEY", "k")
    monkeypatch.setenv("SERPER_API_KEY", "k")
    forms: dict[str, type] = {
        "tavily": TavilySearch,
        "tavily?full": TavilySearch,
        "serper": SerperSearch,
        "searxng:http://127.0.0.1:8888": SearxngSearch,
        "http:http://127.0.0.1:8000": HttpRetriever,
        "http:https://retriever.test/retrieve": HttpRetriever,
        "http://127.0.0.1:8000/retrieve": HttpRetriever,
        "https://retriever.test": HttpRetriever,
        f"corpus:{corpus}": CorpusSearch,
        f"corpus:{corpus}?snippets": CorpusSearch,
        f"corpus:{corpus.parent}": CorpusSearch,
    }
    for spec, kind in forms.items():
        provider = make_search(spec)
        assert type(provider) is kind
        assert make_search(spec) is provider
    assert make_search("tavily?full").returns_full_text
    assert not make_search(f"corpus:{corpus}?snippets").returns_full_text
    url = "http://127.0.0.1:8000/retrieve"
    assert make_search("http://127.0.0.1:8000/retrieve").settings["url"] == url


@pytest.mark.parametrize("spec", ["", "bing", "corpus:", "searxng:", "http:", "tavily:x"])
def test_unknown_spec_lists_the_forms(spec: str) -> None:
    for takes_spec in (make_search, check_search_spec):
        with pytest.raises(SearchSpecError, match="corpus:PATH"):
            takes_spec(spec)


@pytest.mark.parametrize(
    "spec",
    [
        *("serper", " tavily?full ", "searxng:http://x.test", "simulated:http://x.test"),
        *("corpus:absent?snippets", "dense:absent", "hybrid:absent", "https://x.test"),
        *("http://x.test", "http:https://x.test", "http+queries:http://x.test"),
    ],
)
def test_a_known_spec_is_let_pass_whatever_it_names_is_there(spec: str) -> None:
    check_search_spec(spec)


def test_words_need_no_model(corpus: Path) -> None:
    for takes_spec in (make_search, check_search_spec):
        with pytest.raises(SearchSpecError, match="use dense: or hybrid:"):
            takes_spec(f"corpus:{corpus}?model=e5")


@pytest.mark.parametrize(
    ("argument", "parts"),
    [
        ("c.jsonl", ("c.jsonl", False, "")),
        ("c.jsonl?snippets", ("c.jsonl", True, "")),
        ("c.jsonl?model=m/e5", ("c.jsonl", False, "m/e5")),
        ("c.jsonl?model=m/e5&snippets", ("c.jsonl", True, "m/e5")),
        ("c.jsonl?snippets?model=m/e5", ("c.jsonl", True, "m/e5")),
        ("c.jsonl?other", ("c.jsonl?other", False, "")),
    ],
)
def test_a_corpus_spec_holds_a_path_and_options(argument: str, parts: tuple) -> None:
    path, *options = split_corpus_spec(argument)
    assert (str(path), *options) == parts


@pytest.mark.parametrize(
    "spec", ["searxng:localhost", "http:ftp://x.test", "searxng:http://"]
)
def test_bad_address_is_one_line(spec: str) -> None:
    with pytest.raises(SearchSpecError, match="search") as caught:
        make_search(spec)
    assert "\n" not in str(caught.value)


def test_missing_key_is_not_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DeepSearchError, match="SERPER_API_KEY"):
        make_search("serper")
    monkeypatch.setenv("SERPER_API_KEY", "k")
    assert isinstance(make_search("serper"), SerperSearch)


def test_changed_corpus_is_loaded_anew(corpus: Path, tmp_path: Path) -> None:
    spec = f"corpus:{corpus}"
    assert make_search(spec, cache_dir=tmp_path / "c").search("coffee", 1) == []
    corpus.write_text(json.dumps({"title": "Coffee", "text": "Another drink."}) + "\n")
    assert make_search(spec, cache_dir=tmp_path / "c").search("coffee", 1)


def test_cache_folder_keeps_web_searches(
    site: Any, serve_json: Any, tmp_path: Path
) -> None:
    site.routes["/retrieve"] = serve_json((200, {"result": [[{"contents": "tea"}]]}))
    provider = make_search(f"http:{site.url}", cache_dir=tmp_path)
    assert isinstance(provider, CachedSearch)
    assert [search_cached(provider, "tea", 1)[1] for _ in range(2)] == [False, True]
    assert len(site.requests) == 1
    assert (tmp_path / "tools.sqlite").is_file()


def test_cache_folder_leaves_a_simulator_its_episode(tmp_path: Path) -> None:
    provider = make_search("simulated:http://127.0.0.1:1/v1", cache_dir=tmp_path)
    known = {"golds": ["Leeds"], "noise": 0.5}
    episode = episode_for(provider, {"question": "Where?", "episode": known})
    assert episode == Episode("Where?", ("Leeds",), noise=0.5)


def test_reader_is_made_once_and_cached_pages_need_the_permission(
    site: Any, serve_page: Any, tmp_path: Path
) -> None:
    site.routes["/tea"] = serve_page(b"<p>Tea is a drink made of leaves.</p>" * 5)
    allowed = make_reader(cache_dir=tmp_path, allow_private=[site.host])
    assert make_reader(cache_dir=str(tmp_path), allow_private=site.host) is allowed
    assert isinstance(allowed, CachedReader)
    assert "Tea" in allowed.read(site.url + "/tea").text
    with pytest.raises(ReadError, match="allow_private"):
        make_reader(cache_dir=tmp_path).read(site.url + "/tea")
