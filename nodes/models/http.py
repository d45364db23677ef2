"""HTTP to an OpenAI-compatible server: clients, streaming, errors in one line."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import math
import os
import threading
import time
import weakref
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from typing import Any, NoReturn
from urllib.parse import urlsplit

import httpx

from .base import ContextOverflowError, ModelError
from .overflow import find_overflow
from .retry import RETRY_STATUS

CONNECT_SECONDS = 5.0
"""A server that is up answers a connection at once."""

IDLE_SECONDS = 300.0
"""Longest silence between two chunks: a full batch on a slow machine prefills that long.
`DEEPSEARCH_IDLE_SECONDS` overrides it."""

ATTEMPTS = 3
"""Tries of a call that has not yet given anything back."""

MAX_DELAY = 20.0
"""Longest wait in seconds between two tries, whatever the server asks for."""

BASE_URL = "base_url"
"""The setting that names the reasoning model's server."""

Event = dict[str, Any]


class ServerClient:
    """Sync and async HTTP to one server; safe over threads and event loops.

    Args:
        base_url: with or without the scheme and the closing `/v1`.
        api_key: `DEEPSEARCH_API_KEY` when absent; then `OPENAI_API_KEY`, which is never
            sent to this machine or a private network.
        idle_seconds: longest silence of the server, see `IDLE_SECONDS`.
        attempts: tries of a call that has not given anything back yet.
        setting: what named the server; a complaint says to set it.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str | None = None,
        *,
        idle_seconds: float | None = None,
        attempts: int = ATTEMPTS,
        setting: str = BASE_URL,
    ) -> None:
        self._setting = setting
        self.base_url = normalize_url(base_url, setting)
        self.root_url = self.base_url.removesuffix("/v1")
        self._attempts = max(1, attempts)
        is_near = is_local(self.base_url)
        idle = idle_seconds or _idle_seconds()
        self._options: dict[str, Any] = {
            "headers": _authorization(api_key, is_near=is_near),
            "timeout": httpx.Timeout(idle, connect=CONNECT_SECONDS),
            "limits": httpx.Limits(max_connections=None, max_keepalive_connections=64),
            # A proxy of the environment cannot reach this machine's own servers.
            "trust_env": not is_near,
            # Plain HTTP needs no certificates, and reading them holds up the event loop.
            "verify": not self.base_url.startswith("http://"),
        }
        self._sync: httpx.Client | None = None
        self._lock = threading.Lock()
        # A connection belongs to the event loop it was opened on.
        self._by_loop: dict[
            asyncio.AbstractEventLoop,
            tuple[httpx.AsyncClient, AsyncGenerator[httpx.AsyncClient]],
        ] = {}

    def client(self) -> httpx.Client:
        """Return the sync client."""
        with self._lock:
            if self._sync is None:
                self._sync = httpx.Client(**self._options)
                weakref.finalize(self, self._sync.close)
            return self._sync

    async def async_client(self) -> httpx.AsyncClient:
        """Return the running event loop's client, closed when that loop shuts down."""
        loop = asyncio.get_running_loop()
        with self._lock:
            found = self._by_loop.get(loop)
            if found is not None:
                return found[0]
            for ended in [other for other in self._by_loop if other.is_closed()]:
                del self._by_loop[ended]
            client = httpx.AsyncClient(**self._options)
            # Event loops close their open async generators when they shut down, and have
            # no other hook: the generator's end closes the client's sockets in time.
            keeper = _kept_open(client)
            self._by_loop[loop] = (client, keeper)
        await anext(keeper)
        return client

    def get(self, path: str) -> Any:
        """Return the JSON of a GET."""
        return self._repeat(lambda: self.client().get(self._url(path)))

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Return the JSON of a POST."""
        return self._repeat(lambda: self.client().post(self._url(path), json=body))

    async def apost(self, path: str, body: Mapping[str, Any]) -> Any:
        """Async version of `post`."""
        attempt = 0
        while True:
            try:
                client = await self.async_client()
                return self._json(await client.post(self._url(path), json=body))
            except (httpx.TransportError, ModelError) as error:
                delay = self._delay(error, attempt)
            attempt += 1
            await asyncio.sleep(delay)

    def stream(self, path: str, body: Mapping[str, Any]) -> Generator[Event]:
        """Yield the events of a streamed POST; tried again only before the first."""
        attempt, started = 0, False
        while True:
            try:
                with self.client().stream("POST", self._url(path), json=body) as response:
                    if response.is_error:
                        response.read()
                        self._raise(response)
                    for line in response.iter_lines():
                        event = parse_event(line)
                        if event is not None:
                            started = True
                            yield event
                return
            except (httpx.TransportError, ModelError) as error:
                delay = self._delay(error, self._attempts if started else attempt)
            attempt += 1
            time.sleep(delay)

    async def astream(self, path: str, body: Mapping[str, Any]) -> AsyncGenerator[Event]:
        """Async version of `stream`."""
        attempt, started = 0, False
        while True:
            try:
                client = await self.async_client()
                async with client.stream("POST", self._url(path), json=body) as response:
                    if response.is_error:
                        await response.aread()
                        self._raise(response)
                    async for line in response.aiter_lines():
                        event = parse_event(line)
                        if event is not None:
                            started = True
                            yield event
                return
            except (httpx.TransportError, ModelError) as error:
                delay = self._delay(error, self._attempts if started else attempt)
            attempt += 1
            await asyncio.sleep(delay)

    def _url(self, path: str) -> str:
        # vLLM's tokenizer routes stand beside /v1, not under it.
        root = self.root_url if path in ("/tokenize", "/detokenize") else self.base_url
        return f"{root}{path}"

    def _repeat(self, call: Callable[[], httpx.Response]) -> Any:
        attempt = 0
        while True:
            try:
                return self._json(call())
            except (httpx.TransportError, ModelError) as error:
                delay = self._delay(error, attempt)
            attempt += 1
            time.sleep(delay)

    def _delay(self, error: Exception, attempt: int) -> float:
        """Return how long to wait before the next try; raise when there is none."""
        # Nobody listens: waiting a second or two does not start a server.
        refused = isinstance(error, httpx.ConnectError | httpx.UnsupportedProtocol)
        final = isinstance(error, ModelError) and not error.retryable
        if final or refused or attempt >= self._attempts - 1:
            self._fail(error)
        asked = error.retry_after if isinstance(error, ModelError) else None
        return min(MAX_DELAY, 0.25 * 2**attempt if asked is None else asked)

    def _fail(self, error: Exception) -> NoReturn:
        if isinstance(error, ModelError):
            raise error
        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
            msg = (
                f"no model server at {self.base_url}: start one with `deepsearch serve`, or "
                f"set {_with_option(self._setting)}"
            )
        elif isinstance(error, httpx.ReadTimeout):
            msg = (
                f"the model server at {self.base_url} was silent too long: raise "
                "DEEPSEARCH_IDLE_SECONDS if it is only slow"
            )
        else:
            what = str(error) or type(error).__name__
            msg = f"the model server at {self.base_url} broke off: {what}"
        raise ModelError(msg, retryable=True) from error

    def _json(self, response: httpx.Response) -> Any:
        if response.is_error:
            self._raise(response)
        try:
            return response.json()
        except ValueError as error:
            msg = f"{response.url} did not answer with JSON: is it an OpenAI-style server?"
            raise ModelError(msg) from error

    def _raise(self, response: httpx.Response) -> NoReturn:
        detail, status = error_text(response), response.status_code
        overflows, limit = find_overflow(detail)
        if 400 <= status < 500 and overflows:
            raise ContextOverflowError(detail, limit=limit)
        hint = "; set DEEPSEARCH_API_KEY" if status in (401, 403) else ""
        msg = f"{response.url} answered {status}: {detail[:300]}{hint}"
        error = ModelError(msg, retryable=status in RETRY_STATUS)
        error.status = status
        asked = response.headers.get("retry-after", "")
        if asked.replace(".", "", 1).isdigit():
            error.retry_after = float(asked)
        raise error


async def _kept_open(client: httpx.AsyncClient) -> AsyncGenerator[httpx.AsyncClient]:
    try:
        yield client
    finally:
        await client.aclose()


def _with_option(setting: str) -> str:
    """Return a setting's name with its option of the command line."""
    return f"{setting} (--{setting.replace('_', '-')})"


def normalize_url(base_url: str, setting: str = BASE_URL) -> str:
    """Return the URL with scheme and path.

    Args:
        base_url: a server's address.
        setting: what it was given as, for the complaint.

    Raises:
        ModelError: it is no address.

    >>> normalize_url("localhost:8000"), normalize_url("https://host/api/v1/")
    ('http://localhost:8000/v1', 'https://host/api/v1')
    """
    url = base_url.strip().rstrip("/")
    if "://" not in url:
        url = f"http://{url}"
    try:
        httpx.URL(url)
        host, _port = urlsplit(url).hostname, urlsplit(url).port
    except (httpx.InvalidURL, ValueError) as error:
        where = _with_option(setting)
        msg = f"{base_url!r} is not the address of a server ({error}): check {where}"
        raise ModelError(msg) from error
    if not host:
        where = _with_option(setting)
        msg = f"{base_url!r} is not the address of a server (no host): check {where}"
        raise ModelError(msg)
    return url if urlsplit(url).path else f"{url}/v1"


def _idle_seconds() -> float:
    given = os.environ.get("DEEPSEARCH_IDLE_SECONDS", "").strip()
    if not given:
        return IDLE_SECONDS
    try:
        seconds = float(given)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < math.inf:
        msg = f"DEEPSEARCH_IDLE_SECONDS is {given!r}: give a number of seconds above 0"
        raise ModelError(msg)
    return seconds


def is_local(url: str) -> bool:
    """Return whether a URL points to this machine or a private network.

    >>> is_local("http://127.0.0.1:8000/v1"), is_local("https://api.openai.com/v1")
    (True, False)
    """
    host = urlsplit(url).hostname or ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "." not in host or host.endswith((".local", ".localhost", ".internal"))
    return address.is_private or address.is_loopback


def _authorization(api_key: str | None, *, is_near: bool) -> dict[str, str]:
    key = api_key or os.environ.get("DEEPSEARCH_API_KEY")
    if not key:
        key = "EMPTY" if is_near else os.environ.get("OPENAI_API_KEY")
    return {"Authorization": f"Bearer {key.strip()}"} if key else {}


def parse_event(line: str) -> Event | None:
    """Return the JSON of a server-sent event, None for other lines and the end mark.

    Raises:
        ModelError: the server reports an error inside the stream.
    """
    if not line.startswith("data:"):
        return None
    data = line[5:].strip()
    if not data or data == "[DONE]":
        return None
    try:
        event = json.loads(data)
    except ValueError as error:
        msg = f"the model server sent what is no event: {data[:200]}"
        raise ModelError(msg, retryable=True) from error
    if "error" in event and not event.get("choices"):
        detail = event["error"]
        text = detail.get("message", detail) if isinstance(detail, dict) else detail
        msg = f"the model server failed while writing: {' '.join(str(text).split())[:300]}"
        raise ModelError(msg, retryable=True)
    return event


def error_text(response: httpx.Response) -> str:
    """Return the server's own message as one line."""
    try:
        body = response.json()
    except ValueError:
        return " ".join(response.text.split()) or response.reason_phrase
    if isinstance(body, dict):
        error = body.get("error") or body.get("detail") or body
        text = error.get("message") if isinstance(error, dict) else error
        return " ".join(str(text or body).split())
    return " ".join(str(body).split())
