"""HTTP to an OpenAI-compatible server: clients, streaming, errors in one line."""

from __future__ import annotations

import asyncio
import json
import os
import re
import threading
import time
import weakref
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, NoReturn

import httpx

from .base import ContextOverflowError, ModelError
from .retry import RETRY_STATUS

CONNECT_SECONDS = 5.0
"""A server that is up answers a connection at once."""

IDLE_SECONDS = 300.0
"""Longest silence between two chunks: a full batch on a slow machine prefills that long."""

ATTEMPTS = 3
"""Tries of a call that has not yet given anything back."""

_OVERFLOW = re.compile(
    r"maximum context length is (\d+)|longer than the maximum model length"
)
"""vLLM's and OpenAI's words for a prompt that does not fit."""


class ServerClient:
    """Sync and async HTTP to one server; safe over threads and event loops."""

    def __init__(self, base_url: str, api_key: str | None = None) -> None:
        self.base_url = base_url.rstrip("/")
        self.root_url = self.base_url.removesuffix("/v1")
        key = api_key or os.environ.get("DEEPSEARCH_API_KEY") or "EMPTY"
        self._options: dict[str, Any] = {
            "headers": {"Authorization": f"Bearer {key}"},
            "timeout": httpx.Timeout(IDLE_SECONDS, connect=CONNECT_SECONDS),
            "limits": httpx.Limits(max_connections=None, max_keepalive_connections=64),
        }
        self._sync: httpx.Client | None = None
        self._lock = threading.Lock()
        # A connection belongs to the event loop it was opened on.
        self._by_loop: weakref.WeakKeyDictionary[Any, httpx.AsyncClient] = (
            weakref.WeakKeyDictionary()
        )

    def client(self) -> httpx.Client:
        """Return the sync client."""
        with self._lock:
            if self._sync is None:
                self._sync = httpx.Client(**self._options)
            return self._sync

    def async_client(self) -> httpx.AsyncClient:
        """Return the running event loop's client."""
        loop = asyncio.get_running_loop()
        with self._lock:
            client = self._by_loop.get(loop)
            if client is None:
                client = self._by_loop[loop] = httpx.AsyncClient(**self._options)
            return client

    def get(self, path: str) -> Any:
        """Return the JSON of a GET."""
        return self._retry(lambda: self._json(self.client().get(self._url(path))))

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Return the JSON of a POST."""
        return self._retry(
            lambda: self._json(self.client().post(self._url(path), json=body))
        )

    async def apost(self, path: str, body: Mapping[str, Any]) -> Any:
        """Async version of `post`."""
        for attempt in range(ATTEMPTS):
            try:
                response = await self.async_client().post(self._url(path), json=body)
                return self._json(response)
            except (httpx.TransportError, ModelError) as error:
                await asyncio.sleep(self._delay(error, attempt))
        raise AssertionError  # _delay raises on the last attempt

    def stream(self, path: str, body: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield the events of a streamed POST; retried only before the first."""
        for attempt in range(ATTEMPTS):
            started = False
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
                if started:
                    self._fail(error)
                time.sleep(self._delay(error, attempt))

    async def astream(
        self, path: str, body: Mapping[str, Any]
    ) -> AsyncIterator[dict[str, Any]]:
        """Async version of `stream`."""
        for attempt in range(ATTEMPTS):
            started = False
            try:
                client = self.async_client()
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
                if started:
                    self._fail(error)
                await asyncio.sleep(self._delay(error, attempt))

    def _url(self, path: str) -> str:
        # vLLM's tokenizer routes stand beside /v1, not under it.
        root = self.root_url if path in ("/tokenize", "/detokenize") else self.base_url
        return f"{root}{path}"

    def _retry(self, call: Any) -> Any:
        for attempt in range(ATTEMPTS):
            try:
                return call()
            except (httpx.TransportError, ModelError) as error:
                time.sleep(self._delay(error, attempt))
        raise AssertionError  # _delay raises on the last attempt

    def _delay(self, error: Exception, attempt: int) -> float:
        """Return how long to wait before the next try; raise when there is none."""
        refused = isinstance(error, httpx.ConnectError)
        final = isinstance(error, ModelError) and not error.retryable
        if final or refused or attempt == ATTEMPTS - 1:
            self._fail(error)
        return 0.5 * 2**attempt

    def _fail(self, error: Exception) -> NoReturn:
        if isinstance(error, ModelError):
            raise error
        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
            msg = (
                f"no model server at {self.base_url}: start one with `deepsearch serve`, or "
                "set base_url"
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
        detail = error_text(response)
        overflow = _OVERFLOW.search(detail)
        if response.status_code == 400 and overflow:
            limit = int(overflow[1]) if overflow[1] else None
            raise ContextOverflowError(detail, limit=limit)
        status = response.status_code
        hint = "; set DEEPSEARCH_API_KEY" if status in (401, 403) else ""
        msg = f"{response.url} answered {status}: {detail[:300]}{hint}"
        raise ModelError(msg, retryable=status in RETRY_STATUS)


def parse_event(line: str) -> dict[str, Any] | None:
    """Return the JSON of a server-sent event, None for other lines and the end mark.

    Raises:
        ModelError: the server reports an error inside the stream.
    """
    if not line.startswith("data:"):
        return None
    data = line[5:].strip()
    if not data or data == "[DONE]":
        return None
    event = json.loads(data)
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
        error = body.get("error", body)
        text = (
            error.get("message") or error.get("detail")
            if isinstance(error, dict)
            else error
        )
        return " ".join(str(text or body).split())
    return " ".join(str(body).split())
