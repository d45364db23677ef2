"""A trace viewer in the browser: served on the loopback, or as one static file.

Traces are shown as text only, whatever they hold; the page loads nothing from elsewhere.
"""

from __future__ import annotations

import json
import os
import secrets
import webbrowser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from ..errors import DeepSearchError
from .markup import escape
from .trace_index import TraceIndex, holds_trace

LOOPBACK = "127.0.0.1"

MOST_ROWS = 500
"""Entries of one page of the list at most."""

MOST_STATIC_BYTES = 64 * 1024 * 1024
"""Of traces that a static page may hold; browsers grow slow beyond."""

HEAD_BYTES = 4096
"""Of a file that are read to see whether it holds traces."""


class ViewerError(DeepSearchError):
    """Traces cannot be shown."""


class ViewerServer(ThreadingHTTPServer):
    """Serves the viewer of one or more trace files."""

    daemon_threads = True

    def __init__(self, indexes: dict[str, TraceIndex], port: int) -> None:
        self.indexes = indexes
        super().__init__((LOOPBACK, port), _Handler)

    @property
    def url(self) -> str:
        """Address of the viewer."""
        return f"http://{LOOPBACK}:{self.server_port}/"


def make_server(path: str | os.PathLike[str], *, port: int = 0) -> ViewerServer:
    """Return a viewer's server, bound and not yet serving; files are read meanwhile.

    Args:
        path: a trace file, or a directory whose trace files are all offered.
        port: port on the loopback; 0 takes a free one.

    Raises:
        ViewerError: there is no trace file, or the port is taken.
    """
    indexes = {file.name: TraceIndex(file) for file in trace_files(Path(path))}
    try:
        server = ViewerServer(indexes, port)
    except (OSError, OverflowError) as error:
        msg = f"cannot serve on port {port} ({error}): choose another --port, or 0"
        raise ViewerError(msg) from error
    for index in indexes.values():
        index.grow_in_background()
    return server


def serve_viewer(
    path: str | os.PathLike[str], port: int = 0, open_browser: bool = False
) -> None:
    """Serve the viewer until Ctrl-C; see `make_server`."""
    with make_server(path, port=port) as server:
        print(f"{server.url} (Ctrl-C ends)", flush=True)
        if open_browser:
            webbrowser.open(server.url)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return


def write_viewer(path: str | os.PathLike[str], out: str | os.PathLike[str]) -> Path:
    """Write the viewer with its traces inside as one HTML file and return its path.

    Raises:
        ViewerError: there is no trace file, or the traces are too many for one page.
    """
    files = trace_files(Path(path))
    size = sum(file.stat().st_size for file in files)
    if size > MOST_STATIC_BYTES:
        msg = (
            f"{path} holds {size >> 20} MiB of traces, more than a page takes "
            f"({MOST_STATIC_BYTES >> 20}): use `deepsearch view`, or fewer traces"
        )
        raise ViewerError(msg)
    embedded = {}
    for file in files:
        index = TraceIndex(file)
        index.grow()
        rows = [entry.to_json(number) for number, entry in enumerate(index.entries)]
        traces = [json.loads(index.read(number)) for number in range(len(rows))]
        embedded[file.name] = {"rows": rows, "traces": traces, "broken": index.broken}
    target = Path(out)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(_page(list(embedded), embedded, secrets.token_urlsafe()), "utf-8")
    return target


def trace_files(path: Path) -> list[Path]:
    """Return the trace files that a path means, `traces.jsonl` of a directory first.

    Raises:
        ViewerError: there is none.
    """
    if path.is_file():
        if not holds_trace(path):
            msg = f"no traces in {path}: run `deepsearch rollout` first, or check the path"
            raise ViewerError(msg)
        return [path]
    if not path.is_dir():
        msg = f"no trace file at {path}: check the path"
        raise ViewerError(msg)
    found = [file for file in sorted(path.glob("*.jsonl")) if _holds_traces(file)]
    if not found:
        msg = f"no trace file in {path}: run `deepsearch rollout` first, or check the path"
        raise ViewerError(msg)
    return sorted(found, key=lambda file: file.name != "traces.jsonl")


def _holds_traces(file: Path) -> bool:
    with file.open("rb") as opened:
        head = opened.read(HEAD_BYTES)
    # The first keys of a dumped trace; other JSON Lines files lack the version.
    return head.startswith(b'{"version":') or b'"segments"' in head


def _page(names: list[str], embedded: dict[str, Any] | None, nonce: str) -> str:
    """Return the page; `embedded` is None when the traces come from the server."""
    here = Path(__file__)
    policy = (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src 'nonce-{nonce}'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'"
    )
    parts = {
        "policy": escape(policy),
        "nonce": nonce,
        "styles": "\n".join(
            here.with_name(name).read_text("utf-8") for name in ("page.css", "viewer.css")
        ),
        "script": here.with_name("viewer.js").read_text("utf-8"),
        "data": _script_json({"files": names, "embedded": embedded}),
    }
    text = here.with_name("viewer.html").read_text("utf-8")
    pieces = text.split("%%")  # text, name, text, name, …, text
    pieces[1::2] = [parts[name] for name in pieces[1::2]]
    return "".join(pieces)


def _script_json(value: Any) -> str:
    """Return JSON that cannot end the script element it stands in."""
    text = json.dumps(value, ensure_ascii=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


class _Handler(BaseHTTPRequestHandler):
    server: ViewerServer  # type: ignore[assignment]

    def do_GET(self) -> None:
        """Answer a request for the page, a page of the list, or a trace."""
        if not self._is_local():
            self._send(403, b"this viewer answers only on the loopback", "text/plain")
            return
        url = urlsplit(self.path)
        query = {key: values[-1] for key, values in parse_qs(url.query).items()}
        if url.path == "/":
            text = _page(list(self.server.indexes), None, secrets.token_urlsafe())
            self._send(200, text.encode(), "text/html; charset=utf-8")
            return
        try:
            body = self._json(url.path, query)
        except (KeyError, IndexError, ValueError):
            self._send(404, b'{"error": "there is no such trace"}', "application/json")
        except OSError as error:
            text = json.dumps({"error": f"the trace file cannot be read: {error}"})
            self._send(500, text.encode(), "application/json")
        else:
            self._send(200, body, "application/json")

    def _json(self, path: str, query: dict[str, str]) -> bytes:
        index = self.server.indexes[query.get("file") or next(iter(self.server.indexes))]
        if path == "/api/traces":
            index.grow_in_background()
            found = index.find(
                text=query.get("text", ""),
                grade=query.get("grade", ""),
                stop=query.get("stop", ""),
                start=max(0, int(query.get("start", 0))),
                limit=max(0, min(MOST_ROWS, int(query.get("limit", 100)))),
            )
            return json.dumps(found, ensure_ascii=False).encode()
        folder, _, number = path.rpartition("/")
        if folder != "/api/traces":
            raise KeyError(path)
        return index.read(int(number))

    def _is_local(self) -> bool:
        # A page elsewhere that points its name at the loopback must not read traces.
        host = self.headers.get("Host", "").rpartition(":")[0] or self.headers.get(
            "Host", ""
        )
        return host in ("127.0.0.1", "localhost", "[::1]")

    def _send(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base name
        """Say nothing: a line a request would hide the address."""
