import asyncio
import doctest
import json
import time
import warnings
from collections.abc import Callable
from typing import Any

import pytest

from langgraph_deepsearch.tools import contracts, results
from langgraph_deepsearch.tools.base import SearchError, SearchProvider
from langgraph_deepsearch.tools.http import MissingKeyError
from langgraph_deepsearch.tools.http_retriever import HttpRetriever
from langgraph_deepsearch.tools.searxng import SearxngSearch
from langgraph_deepsearch.tools.serper import SerperSearch
from langgraph_deepsearch.tools.tavily import TavilySearch

Make = Callable[..., SearchProvider]

SERPER = {
    "organic": [
        {
            "title": "Tea",
            "link": "http://t.test/1",
            "snippet": "<b>Tea</b> is",
            "date": "2024",
        },
        {"title": "No link or snippet"},
        "rubbish",
    ]
}
SEARXNG = {
    "results": [
        {
            "title": "Tea",
            "url": "http://t.test/1",
            "content": "Tea is",
            "publishedDate": "2024",
        }
    ],
    "unresponsive_engines": [["bing", "timeout"]],
}
TAVILY = {
    "results": [
        {
            "title": "Tea",
            "url": "http://t.test/1",
            "content": "Tea is",
            "score": 0.9,
            "raw_content": "Tea is a drink.",
            "published_date": "2024",
        }
    ]
}
RETRIEVER = {
    "result": [[{"document": {"id": "1", "contents": '"Tea"\nTea is'}, "score": 2.5}]]
}


def serper(url: str, **more: Any) -> SearchProvider:
    return SerperSearch(api_key="k", url=url + "/search", **more)


def searxng(url: str, **more: Any) -> SearchProvider:
    return SearxngSearch(url, **more)


def tavily(url: str, **more: Any) -> SearchProvider:
    return TavilySearch(api_key="k", base_url=url, **more)


def retriever(url: str, **more: Any) -> SearchProvider:
    return HttpRetriever(url, **more)


SERVICES = [
    pytest.param(serper, "/search", SERPER, id="serper"),
    pytest.param(searxng, "/search", SEARXNG, id="searxng"),
    pytest.param(tavily, "/search", TAVILY, id="tavily"),
    pytest.param(retriever, "/retrieve", RETRIEVER, id="http"),
]
every_service = pytest.mark.parametrize(("make", "path", "answer"), SERVICES)


def test_doctests_hold() -> None:
    for module in (contracts, results):
        assert doctest.testmod(module).failed == 0


@every_service
def test_results_become_documents(
    site: Any, serve_json: Any, make: Make, path: str, answer: Any
) -> None:
    site.routes[path] = serve_json((200, answer))
    provider = make(site.url)
    assert isinstance(provider, SearchProvider)
    first = provider.search("tea & biscuits", 2)[0]
    assert (first.title, first.text) == ("Tea", "Tea is")
    assert first.id == ""
    if not provider.returns_full_text:
        assert (first.url, first.snippet, first.date) == (
            "http://t.test/1",
            "Tea is",
            "2024",
        )
    json.dumps(provider.settings)
    assert "'k'" not in repr(provider)  # a key is not printed


@every_service
def test_async_form_agrees_over_several_loops(
    site: Any, serve_json: Any, make: Make, path: str, answer: Any
) -> None:
    site.routes[path] = serve_json((200, answer))
    provider = make(site.url)
    wanted = provider.search("tea", 2)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        for _ in range(2):
            assert asyncio.run(provider.asearch("tea", 2)) == wanted

    async def many() -> list:
        return await asyncio.gather(*(provider.asearch("tea", 2) for _ in range(8)))

    assert asyncio.run(many()) == [wanted] * 8


@every_service
@pytest.mark.parametrize("status", [429, 500, 503])
def test_passing_failure_is_tried_again_a_few_times(
    site: Any, serve_json: Any, make: Make, path: str, answer: Any, status: int
) -> None:
    site.routes[path] = serve_json((status, {}), (200, answer))
    assert make(site.url).search("tea", 1)[0].title == "Tea"
    site.routes[path] = serve_json((status, {"detail": {"error": "limit"}}))
    site.requests.clear()
    with pytest.raises(SearchError) as caught:
        make(site.url, retries=2).search("tea", 1)
    assert caught.value.retryable
    assert len(site.requests) == 3


@every_service
def test_dropped_connection_is_tried_again(
    site: Any, serve_json: Any, make: Make, path: str, answer: Any
) -> None:
    drops = [True]

    def drop_first(handler: Any) -> None:
        if drops:
            drops.pop()
            handler.close_connection = True
            return
        serve_json((200, answer))(handler)

    site.routes[path] = drop_first
    assert make(site.url).search("tea", 1)[0].title == "Tea"
    assert len(site.requests) == 2


@every_service
@pytest.mark.parametrize("status", [401, 403])
def test_refused_key_fails_at_once_and_names_what_to_mend(
    site: Any, serve_json: Any, make: Make, path: str, answer: Any, status: int
) -> None:
    site.routes[path] = serve_json((status, {"detail": {"error": "no"}}))
    names = {
        "serper": "SERPER_API_KEY",
        "tavily": "TAVILY_API_KEY",
        "searxng": "search.formats",
    }
    with pytest.raises(SearchError, match=names.get(make.__name__, "refused")) as caught:
        make(site.url).search("tea", 1)
    assert not caught.value.retryable
    assert len(site.requests) == 1


@every_service
def test_other_refusals_are_not_repeated(
    site: Any, serve_json: Any, make: Make, path: str, answer: Any
) -> None:
    site.routes[path] = serve_json((400, {"detail": {"error": "bad query"}}))
    with pytest.raises(SearchError) as caught:
        make(site.url).search("tea", 1)
    assert not caught.value.retryable
    assert len(site.requests) == 1


def drip(handler: Any) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.end_headers()
    for _ in range(100):
        handler.wfile.write(b" ")
        handler.wfile.flush()
        time.sleep(0.05)


@every_service
def test_dripping_answer_ends_at_the_total_limit(
    site: Any, make: Make, path: str, answer: Any
) -> None:
    site.routes[path] = drip
    started = time.monotonic()
    with pytest.raises(SearchError, match=r"within 0\.3 s") as caught:
        make(site.url, timeout=0.3, retries=0).search("tea", 1)
    assert caught.value.retryable
    assert time.monotonic() - started < 2


@every_service
def test_server_that_is_down_is_one_clear_line(make: Make, path: str, answer: Any) -> None:
    with pytest.raises(SearchError) as caught:
        make("http://127.0.0.1:1").search("tea", 1)
    assert "\n" not in str(caught.value)
    assert not caught.value.retryable


@every_service
@pytest.mark.parametrize("body", [b"<html>login</html>", b"[]", b"null", b'{"error": "x"}'])
def test_answer_of_another_kind_is_an_error_or_nothing(
    site: Any, serve_page: Any, make: Make, path: str, answer: Any, body: bytes
) -> None:
    site.routes[path] = serve_page(body, "application/json")
    if make in (serper, tavily) and body.startswith(b"{"):
        # Serper leaves `organic` out when Google found nothing; Tavily's client does not
        # tell absent from empty.
        assert make(site.url).search("tea", 1) == []
        return
    with pytest.raises(SearchError):
        make(site.url).search("tea", 1)


def test_serper_request_is_as_its_api_wants(site: Any, serve_json: Any) -> None:
    site.routes["/search"] = serve_json((200, {}))
    provider = SerperSearch(
        api_key="k", url=site.url + "/search", exclude_urls=["a.test", "b.test"]
    )
    assert provider.search("tea", 7) == []
    method, _, headers, body = site.requests[0]
    assert method == "POST"
    assert headers["X-API-KEY"] == "k"
    assert json.loads(body) == {"q": "tea -site:a.test -site:b.test", "num": 7}


def test_searxng_without_a_working_engine_is_a_failure(site: Any, serve_json: Any) -> None:
    site.routes["/search"] = serve_json(
        (200, {"results": [], "unresponsive_engines": [["google", "access denied"]]})
    )
    with pytest.raises(SearchError, match="google access denied"):
        SearxngSearch(site.url, retries=0).search("tea", 1)
    site.routes["/search"] = serve_json((200, {"results": []}))
    assert SearxngSearch(site.url).search("tea", 1) == []
    assert "format=json" in site.requests[-1][1]


def test_tavily_brings_whole_pages_when_asked(site: Any, serve_json: Any) -> None:
    site.routes["/search"] = serve_json((200, TAVILY))
    provider = TavilySearch(api_key="k", base_url=site.url, include_raw_content=True)
    assert provider.returns_full_text
    found = provider.search("tea", 1)[0]
    assert (found.text, found.snippet) == ("Tea is a drink.", "Tea is")
    assert json.loads(site.requests[0][3])["include_raw_content"] == "text"
    assert site.requests[0][2]["Authorization"] == "Bearer k"


def test_retriever_takes_bare_documents_and_ignored_topk(
    site: Any, serve_json: Any
) -> None:
    bare = [{"id": str(n), "contents": f'"T{n}"\ntext {n}'} for n in range(5)]
    site.routes["/retrieve"] = serve_json((200, {"result": [bare]}))
    for url in (site.url, site.url + "/", site.url + "/retrieve"):
        found = HttpRetriever(url).search("tea", 2)
        assert [(d.title, d.text, d.score) for d in found] == [
            ("T0", "text 0", None),
            ("T1", "text 1", None),
        ]
    assert json.loads(site.requests[0][3]) == {
        "queries": ["tea"],
        "topk": 2,
        "return_scores": True,
    }


def test_missing_key_names_the_variable() -> None:
    for make, variable in (
        (SerperSearch, "SERPER_API_KEY"),
        (TavilySearch, "TAVILY_API_KEY"),
    ):
        with pytest.raises(MissingKeyError, match=variable) as caught:
            make()
        assert "\n" not in str(caught.value)
