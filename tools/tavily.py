"""Web search through Tavily's own client."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import httpx

from ..trace import Document
from .base import Episode
from .blocking import run_blocking
from .http import (
    REFUSED,
    RETRIES,
    TIMEOUT,
    TOO_MANY_REQUESTS,
    JsonService,
    ServiceError,
    may_pass,
    one_line,
    required_key,
)
from .results import string
from .retry import with_retries

KEY_VARIABLE = "TAVILY_API_KEY"


@dataclass(frozen=True)
class TavilySearch:
    """Searches the web with tavily-python; the key is read from TAVILY_API_KEY.

    Without `include_raw_content` a document's text is Tavily's extract of the page and
    also its snippet, and the page itself is left to a reader.

    Raises:
        MissingKeyError: no key given and none in the environment.
    """

    api_key: str | None = field(default=None, repr=False)
    include_raw_content: bool = False
    """Ask for whole pages, so that none need be read; costs more time per search."""
    search_depth: Literal["basic", "advanced"] = "basic"
    include_domains: Sequence[str] = ()
    exclude_domains: Sequence[str] = ()
    timeout: float = TIMEOUT
    """Seconds an attempt may take in all."""
    retries: int = RETRIES
    base_url: str | None = None
    """Another server that speaks Tavily's protocol."""
    name: str = field(default="tavily", init=False)

    def __post_init__(self) -> None:
        object.__setattr__(
            self, "api_key", required_key("Tavily", KEY_VARIABLE, self.api_key)
        )

    @property
    def returns_full_text(self) -> bool:
        """Whether whole pages come with the results."""
        return self.include_raw_content

    @property
    def settings(self) -> Mapping[str, Any]:
        return {
            "search_depth": self.search_depth,
            "include_raw_content": self.include_raw_content,
            "include_domains": list(self.include_domains),
            "exclude_domains": list(self.exclude_domains),
            "base_url": self.base_url,
        }

    def search(
        self, query: str, k: int, *, episode: Episode | None = None
    ) -> list[Document]:
        """Return at most `k` results."""
        return run_blocking(self.asearch(query, k, episode=episode))

    async def asearch(
        self, query: str, k: int, *, episode: Episode | None = None
    ) -> list[Document]:
        """Async version of `search`."""
        answer = await with_retries(lambda: self._ask(query, k), retries=self.retries)
        results = answer.get("results") if isinstance(answer, dict) else None
        if not isinstance(results, list):
            msg = "Tavily answered without `results`; is the base URL right?"
            raise ServiceError(msg)
        return [
            self._document(result) for result in results[:k] if isinstance(result, dict)
        ]

    async def _ask(self, query: str, k: int) -> Any:
        from tavily import AsyncTavilyClient

        client = AsyncTavilyClient(api_key=self.api_key, api_base_url=self.base_url)
        try:
            # Its own limit is for each operation on the socket, ours for all of them.
            async with asyncio.timeout(self.timeout), client:
                return await client.search(
                    query,
                    max_results=k,
                    search_depth=self.search_depth,
                    include_raw_content="text" if self.include_raw_content else False,
                    include_domains=list(self.include_domains),
                    exclude_domains=list(self.exclude_domains),
                    timeout=self.timeout,
                )
        except Exception as error:
            raise self._translated(error) from error

    def _translated(self, error: Exception) -> Exception:
        from tavily import errors

        service = JsonService("Tavily", KEY_VARIABLE)
        if isinstance(error, errors.InvalidAPIKeyError | errors.MissingAPIKeyError):
            return ServiceError(service.refusal(REFUSED[0]))
        if isinstance(error, errors.ForbiddenError):
            return ServiceError(f"{service.refusal(REFUSED[1])} ({one_line(error)})")
        if isinstance(error, TimeoutError | errors.TimeoutError):
            msg = f"Tavily did not answer within {self.timeout:g} s"
            return ServiceError(msg, retryable=True)
        if isinstance(error, errors.UsageLimitExceededError):
            return ServiceError(
                f"Tavily's limit is reached: {one_line(error)}", retryable=True
            )
        if isinstance(error, httpx.HTTPStatusError):
            status = error.response.status_code
            msg = f"Tavily answered with status {status}"
            passing = status == TOO_MANY_REQUESTS or status >= 500
            return ServiceError(msg, retryable=passing, outage=passing)
        if isinstance(error, AttributeError | TypeError):  # its client met no JSON object
            return ServiceError("Tavily answered with something that is no result page")
        if isinstance(error, httpx.HTTPError | errors.BadRequestError | ValueError):
            outage = isinstance(error, httpx.HTTPError)
            return ServiceError(
                f"Tavily could not search: {one_line(error)}",
                retryable=outage and may_pass(error),
                outage=outage,
            )
        return error

    def _document(self, result: Mapping[str, Any]) -> Document:
        snippet = string(result.get("content"))
        page = string(result.get("raw_content")) if self.include_raw_content else ""
        score = result.get("score")
        return Document(
            title=string(result.get("title")),
            url=string(result.get("url")),
            snippet=snippet,
            text=page or snippet,
            date=string(result.get("published_date")),
            score=float(score) if isinstance(score, int | float) else None,
        )
