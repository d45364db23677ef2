"""JSON calls to search services: deadlines, retries, and errors that say what to do.

Clients live for one call, so they work under any number of event loops and leave no
socket open.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import httpx

from ..errors import DeepSearchError
from .base import SearchError
from .retry import RETRIES, with_retries

TIMEOUT = 20.0
"""Seconds one attempt may take in all, connecting and reading together."""

TOO_MANY_REQUESTS = 429
REFUSED = (401, 403)
"""Statuses that mean the key is wrong; trying again cannot help."""


class MissingKeyError(DeepSearchError):
    """A provider's key is not in the environment."""

    def __init__(self, provider: str, variable: str) -> None:
        self.variable = variable
        super().__init__(
            f"{provider} needs a key: set the environment variable {variable}, or choose "
            "another search with --search (corpus:PATH needs none)"
        )


class ServiceError(SearchError):
    """A search service did not answer as it should."""

    def __init__(
        self,
        message: str,
        *,
        retryable: bool = False,
        retry_after: float | None = None,
        outage: bool = True,
    ) -> None:
        super().__init__(message, retryable=retryable, outage=outage)
        self.retry_after = retry_after
        """Seconds the service asked to wait."""


def required_key(provider: str, variable: str, key: str | None = None) -> str:
    """Return the key given or the environment's.

    Raises:
        MissingKeyError: there is none.
    """
    found = (key or os.environ.get(variable, "")).strip()
    if not found:
        raise MissingKeyError(provider, variable)
    return found


@cache
def tls_context() -> ssl.SSLContext:
    """Return the shared TLS settings; loading the certificates takes 10 to 20 ms."""
    return httpx.create_ssl_context()


@dataclass(frozen=True)
class JsonService:
    """A service that answers HTTP requests with JSON."""

    name: str
    key_variable: str = ""
    """Environment variable of its key, named when it refuses one."""
    timeout: float = TIMEOUT
    """Seconds an attempt may take in all."""
    retries: int = RETRIES

    async def call(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Return the parsed answer.

        Raises:
            ServiceError: no answer in time, a status that is no success, or no JSON.
        """

        async def attempt() -> Any:
            async with httpx.AsyncClient(
                verify=tls_context(), timeout=self.timeout
            ) as client:
                request = client.request(
                    method, url, params=params, json=json, headers=headers
                )
                response = await self._within_deadline(request, url)
            return self._parsed(response)

        return await with_retries(attempt, retries=self.retries)

    async def _within_deadline(self, request: Any, url: str) -> httpx.Response:
        try:
            async with asyncio.timeout(self.timeout):
                return await request
        except (TimeoutError, httpx.TimeoutException) as error:
            msg = f"{self.name} did not answer within {self.timeout:g} s ({_origin(url)})"
            raise ServiceError(msg, retryable=True) from error
        except httpx.InvalidURL as error:
            msg = f"{self.name}: {url!r} is not a valid address ({error})"
            raise ServiceError(msg) from error
        except httpx.HTTPError as error:
            msg = (
                f"{self.name} cannot be reached at {_origin(url)} "
                f"({one_line(error)}); is the server up and the address right?"
            )
            raise ServiceError(msg, retryable=may_pass(error)) from error

    def _parsed(self, response: httpx.Response) -> Any:
        self.check_status(response.status_code, response.headers, response.text)
        try:
            return response.json()
        except ValueError as error:
            msg = f"{self.name} answered with something that is not JSON; check the address"
            raise ServiceError(msg) from error

    def check_status(self, status: int, headers: Mapping[str, str], body: str) -> None:
        """Raise the error that a status stands for; return when it is a success."""
        if 200 <= status < 300:
            return
        if status in REFUSED:
            raise ServiceError(self.refusal(status))
        msg = f"{self.name} answered with status {status}: {_excerpt(body)}"
        passing = status == TOO_MANY_REQUESTS or status >= 500
        raise ServiceError(
            msg,
            retryable=passing,
            outage=passing,  # any other status is about this query
            retry_after=_seconds(headers.get("retry-after")),
        )

    def refusal(self, status: int) -> str:
        """Return the message for a refused key."""
        if self.key_variable:
            return (
                f"{self.name} refused the key (status {status}): check {self.key_variable}"
            )
        return f"{self.name} refused the request (status {status})"


def may_pass(error: httpx.HTTPError) -> bool:
    """Return whether a dropped connection is behind it, which another try may spare.

    Where nobody listens waiting a second does not help: `ConnectError` is final.
    """
    final = (httpx.ConnectError, httpx.UnsupportedProtocol)
    return isinstance(error, httpx.TransportError) and not isinstance(error, final)


def one_line(error: BaseException) -> str:
    """Return an error as one line, its class when it has no message."""
    return " ".join(str(error).split()) or type(error).__name__


def _seconds(value: str | None) -> float | None:
    try:
        return max(0.0, float(value)) if value else None
    except ValueError:  # the header's other form is a date; the usual wait will do
        return None


def _origin(url: str) -> str:
    # Without the query, which may hold what the user would rather not see in a log.
    return url.partition("?")[0]


def _excerpt(body: str) -> str:
    text = " ".join(body.split())
    return text[:150] or "no message"
