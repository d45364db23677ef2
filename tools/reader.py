"""Reads web pages: bounded in size and total time, checked at every hop.

Covers HTTP, redirects, HTML, plain text and PDF. Runs no JavaScript and follows no
robots file: one page is read because a search found it or a person asked for it. Proxy
settings of the environment are not used, as a proxy would resolve names anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple
from urllib.parse import urljoin

import httpx

from .base import Page, ReadError
from .blocking import run_blocking
from .extract import extract_page, readable_type
from .http import TOO_MANY_REQUESTS, one_line, tls_context
from .pdf import is_pdf
from .safety import Target, check_url, parse_allowed, safe_addresses

MAX_BYTES = 2_000_000
"""Bytes read of one page, after decompression; extraction takes 1 to 3 s a megabyte."""

MAX_PDF_BYTES = 20_000_000
"""Bytes of the largest PDF read."""

TIMEOUT = 20.0
"""Seconds one page may take in all, redirects included (google_search.py:99-163 gives 20
to each operation of a socket)."""

MAX_REDIRECTS = 5

USER_AGENT = "Mozilla/5.0 (compatible; langgraph-deepsearch/0.1)"

EXTRACTION_VERSION = 1
"""Part of the cache key: raise it when pages read differently."""

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_ADDRESSES = 4
"""Addresses of one host that are tried in turn."""


class _Answer(NamedTuple):
    url: str
    status: int
    content_type: str
    location: str
    body: bytes
    is_cut: bool


class HttpReader:
    """Fetches a page and extracts its main text.

    Args:
        max_bytes: bytes read of a page; longer text pages are cut there (and
            `metadata["truncated"]` is True).
        max_pdf_bytes: bytes of the largest PDF; half a PDF cannot be read.
        timeout: seconds for the page in all, redirects and slow dripping included.
        allow_private: private hosts that may be fetched, `host` or `host:port`, a list
            or comma-separated.
        max_redirects: hops followed, each checked like the first address.
        user_agent: the User-Agent header.
    """

    name = "http"

    def __init__(
        self,
        *,
        max_bytes: int = MAX_BYTES,
        max_pdf_bytes: int = MAX_PDF_BYTES,
        timeout: float = TIMEOUT,
        allow_private: str | Iterable[str] = (),
        max_redirects: int = MAX_REDIRECTS,
        user_agent: str = USER_AGENT,
    ) -> None:
        self.max_bytes = max_bytes
        self.max_pdf_bytes = max_pdf_bytes
        self.timeout = timeout
        self.allow_private = parse_allowed(allow_private)
        self.max_redirects = max_redirects
        self.user_agent = user_agent

    @property
    def settings(self) -> Mapping[str, Any]:
        # What may be fetched is in the key: a page cached by a reader that was allowed
        # an internal host is not given to one that was not.
        return {
            "max_bytes": self.max_bytes,
            "max_pdf_bytes": self.max_pdf_bytes,
            "user_agent": self.user_agent,
            "allow_private": list(self.allow_private),
            "extraction": EXTRACTION_VERSION,
        }

    def read(self, url: str) -> Page:
        """Return the page's main text; works inside and outside an event loop."""
        return self._page(run_blocking(self._fetch(url)))

    async def aread(self, url: str) -> Page:
        """Async version of `read`; extraction runs in a worker thread."""
        return await asyncio.to_thread(self._page, await self._fetch(url))

    def _page(self, answer: _Answer) -> Page:
        if answer.is_cut and is_pdf(answer.body):
            msg = f"{answer.url}: the PDF is larger than {self.max_pdf_bytes:,} bytes"
            raise ReadError(msg)
        page = extract_page(answer.body, answer.content_type, answer.url)
        metadata = {**page.metadata, "bytes": len(answer.body), "truncated": answer.is_cut}
        return Page(page.url, page.title, page.text, page.date, page.links, metadata)

    async def _fetch(self, url: str) -> _Answer:
        """Follow redirects to a page's bytes within the time limit."""
        try:
            async with asyncio.timeout(self.timeout):
                return await self._follow(url)
        except (TimeoutError, httpx.TimeoutException) as error:
            msg = f"{url.strip()}: not read within {self.timeout:g} s"
            raise ReadError(msg, retryable=True) from error

    async def _follow(self, url: str) -> _Answer:
        for _ in range(self.max_redirects + 1):
            target = check_url(url)
            answer = await self._request(target)
            if not answer.location:
                return _checked(answer)
            url = _joined(target.url, answer.location)
        msg = f"{url}: more than {self.max_redirects} redirects"
        raise ReadError(msg)

    async def _request(self, target: Target) -> _Answer:
        addresses = await safe_addresses(target, self.allow_private)
        async with httpx.AsyncClient(
            verify=tls_context(),
            timeout=self.timeout,
            trust_env=False,
            follow_redirects=False,
        ) as client:
            failure: httpx.HTTPError | None = None
            for address in addresses[:_ADDRESSES]:
                try:
                    return await self._request_at(client, target, address)
                except httpx.ConnectError as error:
                    failure = error  # the host's next address may answer
                except httpx.TimeoutException:
                    raise  # said by the caller, like the total limit
                except (httpx.HTTPError, httpx.InvalidURL) as error:
                    msg = f"{target.url}: the transfer failed ({one_line(error)})"
                    raise ReadError(msg) from error
        reason = "no address" if failure is None else one_line(failure)
        msg = f"{target.url}: cannot connect ({reason})"
        raise ReadError(msg) from failure

    async def _request_at(
        self, client: httpx.AsyncClient, target: Target, address: str
    ) -> _Answer:
        """Ask the checked address itself, under the host's name."""
        url = httpx.URL(target.url)
        headers = {
            "Host": url.netloc.decode("ascii"),
            "User-Agent": self.user_agent,
            "Accept": "text/html,application/xhtml+xml,application/pdf;q=0.9,text/*;q=0.8",
            "Accept-Language": "en,*;q=0.5",
            # The two formats whose expansion a chunk bounds.
            "Accept-Encoding": "gzip, deflate",
        }
        async with client.stream(
            "GET",
            url.copy_with(host=address, fragment=None),
            headers=headers,
            extensions={"sni_hostname": target.host},
        ) as response:
            return await self._answer(response, target.url)

    async def _answer(self, response: httpx.Response, url: str) -> _Answer:
        status, headers = response.status_code, response.headers
        content_type = headers.get("content-type", "")
        location = headers.get("location", "") if status in _REDIRECTS else ""
        body, is_cut = b"", False
        if 200 <= status < 300 and readable_type(content_type):
            body, is_cut = await self._body(response)
        return _Answer(url, status, content_type, location, body, is_cut)

    async def _body(self, response: httpx.Response) -> tuple[bytes, bool]:
        body = bytearray()
        async for chunk in response.aiter_bytes(65536):
            body += chunk
            limit = self.max_pdf_bytes if is_pdf(body) else self.max_bytes
            if len(body) > limit:
                return bytes(body[:limit]), True
        return bytes(body), False


def _checked(answer: _Answer) -> _Answer:
    if not 200 <= answer.status < 300:
        passing = answer.status == TOO_MANY_REQUESTS or answer.status >= 500
        msg = f"{answer.url}: the server answered with status {answer.status}"
        raise ReadError(msg, retryable=passing)
    if not readable_type(answer.content_type):
        kind = answer.content_type.partition(";")[0]
        msg = f"{answer.url}: {kind} is not a type of page that holds text"
        raise ReadError(msg)
    return answer


def _joined(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError as error:
        msg = f"{url}: redirects to something that is no address"
        raise ReadError(msg) from error
