"""One real HTTP server on loopback, its answers set by each test."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from hypothesis import settings

# A loaded machine is no defect; what must be fast is timed by its own test.
settings.register_profile("tools", deadline=None)
settings.load_profile("tools")


class Site:
    """Routes by path; keeps what was asked."""

    def __init__(self) -> None:
        self.routes: dict[str, Callable[[BaseHTTPRequestHandler], None]] = {}
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args: Any) -> None:
                pass

            def _serve(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length)
                site.requests.append((self.command, self.path, dict(self.headers), body))
                route = site.routes.get(self.path.partition("?")[0])
                if route is None:
                    route = page(b"<p>no such page</p>", status=404)
                try:
                    route(self)
                except OSError:  # the client hung up, as it should on slow pages
                    self.close_connection = True

            do_GET = do_POST = _serve  # noqa: N815

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.host = f"127.0.0.1:{self.server.server_port}"
        self.url = f"http://{self.host}"
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self._thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()


def page(
    body: bytes, content_type: str = "text/html", status: int = 200, **headers: str
) -> Callable[[BaseHTTPRequestHandler], None]:
    """Return a route that answers with these bytes."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        if content_type:
            handler.send_header("Content-Type", content_type)
        handler.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def answers(*parts: tuple[int, Any]) -> Callable[[BaseHTTPRequestHandler], None]:
    """Return a route that gives these (status, JSON) in turn, the last one for ever."""
    left = list(parts)

    def answer(handler: BaseHTTPRequestHandler) -> None:
        status, value = left.pop(0) if len(left) > 1 else left[0]
        page(json.dumps(value).encode(), "application/json", status)(handler)

    return answer


@pytest.fixture
def site() -> Iterator[Site]:
    server = Site()
    yield server
    server.close()


@pytest.fixture
def serve_page() -> Callable[..., Callable[[BaseHTTPRequestHandler], None]]:
    return page


@pytest.fixture
def serve_json() -> Callable[..., Callable[[BaseHTTPRequestHandler], None]]:
    return answers


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("langgraph_deepsearch.tools.retry.LONGEST_WAIT", 0.01)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name in ("TAVILY_API_KEY", "SERPER_API_KEY"):
        monkeypatch.delenv(name, raising=False)
