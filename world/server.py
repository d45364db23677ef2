"""Serve a world over real HTTP on the loopback: its pages as they behave, and a search.

    GET  /film/the-silent-harbor.html   a page; some are late, huge, gone or elsewhere
    GET  /search?q=…&format=json        results as SearXNG gives them: title, url and a
                                        snippet, so that pages have to be read
    POST /retrieve                      {"queries": [...], "topk": 3, "return_scores": true}
                                        (Search-R1 retrieval_server.py:318-358), each
                                        document with `url`, `title` and `date` besides

Addresses in the corpus start with the world's base URL. On another port the server's own
answers carry its own address; `WorldServer.localize` does the same for any other.
"""

from __future__ import annotations

import json
import mimetypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from ..tools.base import SearchProvider
from ..tools.snippet import snippet_window
from ..trace import Document
from .preset import DEFAULT_PORT, WorldError

HOST = "127.0.0.1"
MAX_TOPK = 50
WEB_RESULTS = 10
"""Results of one page of the web search."""

MAX_BODY = 1_000_000
"""Bytes of a search request, at most."""

SOCKET_SECONDS = 30
"""A client that stalls longer is dropped, so that its thread ends."""


@dataclass(frozen=True)
class WorldServer:
    """A world being served."""

    url: str
    """Its address, without a slash at the end."""
    base_url: str
    """The address that the world's corpus was written with."""
    path: Path

    def localize(self, url: str) -> str:
        """Return an address of the corpus as this server's own."""
        return (
            self.url + url[len(self.base_url) :] if url.startswith(self.base_url) else url
        )


@contextmanager
def serve_world(
    path: str | Path, port: int = 0, *, search: SearchProvider | None = None
) -> Iterator[WorldServer]:
    """Serve a world while the context is open; threads are gone when it is left.

    Args:
        path: folder of a built world.
        port: 0 takes a free one.
        search: what `/retrieve` asks; BM25 over the world's corpus when None, indexed
            at the first request.

    Raises:
        WorldError: no whole world is there, it is damaged, or the port is taken.
    """
    server = _Server(_folder(path), port, search)
    thread = threading.Thread(
        target=server.serve_forever, args=(0.05,), name="world-server"
    )
    thread.start()
    try:
        yield WorldServer(server.url, server.base_url, server.folder)
    finally:
        server.stopping.set()
        server.shutdown()
        thread.join()
        server.server_close()


def run_server(path: str | Path, port: int = DEFAULT_PORT) -> None:
    """Serve a world until Ctrl-C.

    Raises:
        WorldError: no whole world is there, or the port is taken.
    """
    with serve_world(path, port) as world:
        searches = f"{world.url}/search and {world.url}/retrieve"
        print(f"world at {world.url}, search at {searches}; Ctrl-C stops")
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print("stopped")


def _folder(path: str | Path) -> Path:
    folder = Path(path)
    if not (folder / "world.json").is_file():
        msg = f"no world in {folder}: run `deepsearch world build {folder}` first"
        raise WorldError(msg)
    return folder.resolve()


def _json(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # server_close then waits for every request
    request_queue_size = 128

    def __init__(self, folder: Path, port: int, search: SearchProvider | None) -> None:
        self.folder = folder
        self.stopping = threading.Event()
        try:
            self.base_url = str(_json(folder / "world.json")["base_url"])
            behaviours = _json(folder / "behaviours.json")
            self.redirects: dict[str, str] = dict(behaviours["redirects"])
            self.slow: dict[str, float] = dict(behaviours["slow"])
        except (OSError, ValueError, TypeError, KeyError) as error:
            reason = f"{type(error).__name__}: {error}"
            msg = f"the world in {folder} is damaged ({reason}): build it again"
            raise WorldError(msg) from error
        self._search = search
        self._search_lock = threading.Lock()
        try:
            super().__init__((HOST, port), _Handler)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", "") or error
            msg = f"port {port} cannot be opened ({reason}): choose another one"
            raise WorldError(msg) from error
        self.url = f"http://{HOST}:{self.server_address[1]}"

    def retrieve(self, query: str, k: int) -> list[dict[str, Any]]:
        """Return scored documents in the `/retrieve` contract's form."""
        return [
            {
                "document": {
                    "id": document.url,
                    "contents": f'"{document.title}"\n{document.text}',
                    "title": document.title,
                    "url": self._own(document.url),
                    "date": document.date,
                },
                "score": document.score or 0.0,
            }
            for document in self._find(query, k)
        ]

    def web_results(self, query: str) -> list[dict[str, Any]]:
        """Return results as a web search gives them: snippets, not texts."""
        return [
            {
                "title": document.title,
                "url": self._own(document.url),
                "content": snippet_window(document.text, query),
                "publishedDate": document.date,
                "score": document.score or 0.0,
            }
            for document in self._find(query, WEB_RESULTS)
        ]

    def _find(self, query: str, k: int) -> list[Document]:
        with self._search_lock:
            if self._search is None:
                from ..tools.corpus import CorpusSearch

                self._search = CorpusSearch(self.folder / "corpus.jsonl")
            return self._search.search(query, k)

    def _own(self, url: str) -> str:
        return url.replace(self.base_url, self.url, 1)


class _Handler(BaseHTTPRequestHandler):
    server: _Server  # pyright: ignore[reportIncompatibleVariableOverride]
    protocol_version = "HTTP/1.0"  # one request a connection: no thread waits for a client
    timeout = SOCKET_SECONDS

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        path = unquote(address.path).strip("/") or "index.html"
        if path == "search":
            query = parse_qs(address.query).get("q", [""])[0]
            self._send_json(
                200, {"query": query, "results": self.server.web_results(query)}
            )
            return
        target = self.server.redirects.get(path)
        if target is not None:
            self._send(302, b"", location=f"/{target}")
            return
        # Waits without holding up the server's end.
        self.server.stopping.wait(self.server.slow.get(path, 0.0))
        pages = self.server.folder / "pages"
        file = (pages / path).resolve()
        if not file.is_relative_to(pages) or not file.is_file():
            self._send(404, b"<html><body><h1>404 Not Found</h1></body></html>")
            return
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        self._send(200, file.read_bytes(), content_type=f"{kind}; charset=utf-8")

    def do_POST(self) -> None:
        if urlsplit(self.path).path.rstrip("/") != "/retrieve":
            self._send_json(404, {"error": "no such endpoint: POST /retrieve"})
            return
        try:
            queries, topk, scores = self._request()
        except (ValueError, TypeError, AttributeError) as error:
            self._send_json(400, {"error": f"not a search request: {error}"})
            return
        results: list[list[Any]] = [self.server.retrieve(query, topk) for query in queries]
        if not scores:
            results = [[item["document"] for item in items] for items in results]
        self._send_json(200, {"result": results})

    def _request(self) -> tuple[list[str], int, bool]:
        length = int(self.headers.get("Content-Length", ""))
        if not 0 < length <= MAX_BODY:
            msg = f"the body must have 1 to {MAX_BODY} bytes"
            raise ValueError(msg)
        body = json.loads(self.rfile.read(length))
        queries = body.get("queries")
        if not isinstance(queries, list) or not all(isinstance(q, str) for q in queries):
            msg = "`queries` must be a list of strings"
            raise ValueError(msg)
        topk = int(body.get("topk") or 3)
        return queries, max(1, min(topk, MAX_TOPK)), bool(body.get("return_scores", False))

    def _send_json(self, status: int, content: Any) -> None:
        data = json.dumps(content, ensure_ascii=False).encode()
        self._send(status, data, content_type="application/json")

    def _send(
        self,
        status: int,
        body: bytes,
        *,
        content_type: str = "text/html; charset=utf-8",
        location: str = "",
    ) -> None:
        try:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            if location:
                self.send_header("Location", location)
            self.end_headers()
            self.wfile.write(body)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # the client left, as one with a time limit may

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Stay silent: the command's own output is for the user."""
