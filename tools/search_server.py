"""Serve a search over HTTP by all the contracts of `contracts.py`.

So the originals' own clients can use it.

A document has the id that its corpus gives it; where the search knows none (the web), a
hash of its text.

    GET  /health
    POST /retrieve       Search-R1's ("queries") and ZeroSearch's ("query")
    POST /queries        R1-Searcher's
    POST /search, /batch_search   ReSearch's
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from ..errors import DeepSearchError
from ..trace import Document
from .base import IdentifiedSearch, SearchError, SearchProvider
from .contracts import join_contents, write_line

HOST = "127.0.0.1"
DEFAULT_PORT = 8766
DEFAULT_K = 3
"""Documents where a request names no number (Search-R1's topk)."""

MAX_K = 100
"""Documents a request may ask for; one that wants more is refused, not cut short."""

MAX_QUERIES = 10_000
"""Queries of one request, at most; Search-R1's client posts a whole batch of rollouts in
one, 2,560 with its GRPO settings."""

MAX_BODY = 4_000_000
"""Bytes of a request, at most."""

SOCKET_SECONDS = 30
"""A client that stalls longer is dropped, so that its thread ends."""


class SearchServerError(DeepSearchError):
    """The search cannot be served there."""


METHODS = {
    "/health": "GET",
    "/retrieve": "POST",
    "/queries": "POST",
    "/search": "POST",
    "/batch_search": "POST",
}
"""Each route and how it is asked."""


class _RefusedError(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


Found = list[list[Document]]
"""For each query its documents, with ids of their own where the search knows them."""


@contextmanager
def serve_search(
    provider: SearchProvider, *, host: str = HOST, port: int = 0
) -> Iterator[str]:
    """Serve a search while the context is open; its address is given.

    Args:
        provider: what is asked.
        host: the address to listen on; the loopback unless others are to reach it.
        port: 0 takes a free one.

    Raises:
        SearchServerError: the port is taken.
    """
    handler = type("Handler", (_Handler,), {"provider": provider})
    try:
        server = _Server((host, port), handler)
    except (OSError, OverflowError) as error:
        msg = f"cannot listen on {host}:{port} ({error}): take another --port"
        raise SearchServerError(msg) from error
    thread = threading.Thread(
        target=server.serve_forever, args=(0.05,), name="search-server"
    )
    thread.start()
    try:
        yield f"http://{host}:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def run_search_server(
    provider: SearchProvider, *, host: str = HOST, port: int = DEFAULT_PORT
) -> None:
    """Serve a search until Ctrl-C.

    Raises:
        SearchServerError: the port is taken.
    """
    with serve_search(provider, host=host, port=port) as url:
        routes = ", ".join(route for route, method in METHODS.items() if method == "POST")
        print(f"search at {url}: {routes}; Ctrl-C stops", flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print("stopped")


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = SOCKET_SECONDS
    disable_nagle_algorithm = True
    provider: SearchProvider

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass

    def do_GET(self) -> None:
        if self._is_asked_right():
            self._answer(200, {"status": "ok", "search": self.provider.name})

    def do_POST(self) -> None:
        if not self._is_asked_right():
            return
        try:
            answer = self._route(self._body())
        except _RefusedError as error:
            self._answer(error.status, {"error": str(error)})
        except SearchError as error:
            self._answer(503 if error.retryable else 502, {"error": str(error)})
        else:
            self._answer(200, answer)

    def do_PUT(self) -> None:
        self._is_asked_right()

    do_DELETE = do_HEAD = do_OPTIONS = do_PATCH = do_PUT  # noqa: N815

    def send_error(
        self, code: int, message: str | None = None, explain: str | None = None
    ) -> None:
        # The base class answers what it cannot read, with a page of HTML.
        self.close_connection = True
        self._answer(code, {"error": message or HTTPStatus(code).phrase})

    def _is_asked_right(self) -> bool:
        """Return whether the route is there for this method; else say so."""
        path = self.path.partition("?")[0]
        method = METHODS.get(path)
        if method == self.command:
            return True
        self.close_connection = True  # what was not read would be the next request
        if method is None:
            self._answer(404, {"error": f"no route {path}"})
        else:
            self._answer(405, {"error": f"{method} it: {path}"}, allow=method)
        return False

    def _body(self) -> Mapping[str, Any]:
        length = self.headers.get("Content-Length") or ""
        if not length.isdigit() or int(length) > MAX_BODY:
            self.close_connection = True  # what was not read would be the next request
            raise _RefusedError(413, f"a request has 0 to {MAX_BODY} bytes")
        try:
            body = json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError) as error:
            raise _RefusedError(400, "the request is not JSON") from error
        if not isinstance(body, Mapping):
            raise _RefusedError(400, "the request is not a JSON object")
        return body

    def _route(self, body: Mapping[str, Any]) -> Any:
        path = self.path.partition("?")[0]
        is_zero_search = path == "/retrieve" and "queries" not in body
        answers: dict[str, Callable[[Mapping[str, Any]], Any]] = {
            "/retrieve": self._zero_search if is_zero_search else self._retrieve,
            "/queries": self._queries,
            "/search": self._search,
            "/batch_search": self._batch_search,
        }
        return answers[path](body)

    def _retrieve(self, body: Mapping[str, Any]) -> Any:
        found = self._find(_texts(body, "queries"), _number(body, "topk"))
        if not body.get("return_scores"):
            return {"result": [[_contents(d) for d in one] for one in found]}
        scored = [
            [{"document": _contents(d), "score": d.score or 0.0} for d in one]
            for one in found
        ]
        return {"result": scored}

    def _zero_search(self, body: Mapping[str, Any]) -> Any:
        (found,) = self._find([_text(body, "query")], _number(body, "top_k"))
        return [{"text": join_contents(document)} for document in found]

    def _queries(self, body: Mapping[str, Any]) -> Any:
        queries = _texts(body, "queries")
        found = self._find(queries, _number(body, "k"))
        return {"queries": queries, "answers": [[write_line(d) for d in o] for o in found]}

    def _search(self, body: Mapping[str, Any]) -> Any:
        (found,) = self._find([_text(body, "query")], _number(body, "top_n"))
        documents = [_contents(document) for document in found]
        return [documents, _scores(found)] if body.get("return_score") else documents

    def _batch_search(self, body: Mapping[str, Any]) -> Any:
        found = self._find(_texts(body, "query"), _number(body, "top_n"))
        documents = [[_contents(d) for d in one] for one in found]
        scores = [_scores(one) for one in found]
        return [documents, scores] if body.get("return_score") else documents

    def _find(self, queries: list[str], k: int) -> Found:
        return [_identified(self.provider, query, k) for query in queries]

    def _answer(self, status: int, value: Any, *, allow: str = "") -> None:
        data = json.dumps(value, ensure_ascii=False).encode(errors="replace")
        try:
            self.send_response(status)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(data)))
            if allow:
                self.send_header("Allow", allow)
            if self.close_connection:
                self.send_header("Connection", "close")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)
        except OSError:  # the client hung up
            self.close_connection = True


def _identified(provider: SearchProvider, query: str, k: int) -> list[Document]:
    if not isinstance(provider, IdentifiedSearch):
        return provider.search(query, k)
    found = provider.search_with_ids(query, k)
    return [document.model_copy(update={"id": known}) for known, document in found]


def _contents(document: Document) -> dict[str, Any]:
    contents = join_contents(document)
    identifier = document.id or sha256(contents.encode()).hexdigest()[:16]
    extra = {"url": document.url} if document.url else {}
    return {"id": identifier, "contents": contents, **extra}


def _scores(found: list[Document]) -> list[float]:
    return [document.score or 0.0 for document in found]


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str):
        raise _RefusedError(400, f"`{name}` must be a text")
    return value


def _texts(body: Mapping[str, Any], name: str) -> list[str]:
    value = body.get(name)
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise _RefusedError(400, f"`{name}` must be a list of texts")
    if len(value) > MAX_QUERIES:
        raise _RefusedError(400, f"`{name}` holds more than {MAX_QUERIES} queries")
    return value


def _number(body: Mapping[str, Any], name: str) -> int:
    value = body.get(name)
    if value is None:
        return DEFAULT_K
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    if not is_whole or not 1 <= value <= MAX_K:
        raise _RefusedError(400, f"`{name}` must be a whole number from 1 to {MAX_K}")
    return value
