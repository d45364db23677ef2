"""Web search through a SearXNG server of one's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..trace import Document
from .base import Episode
from .blocking import run_blocking
from .http import RETRIES, TIMEOUT, JsonService, ServiceError
from .results import string


@dataclass(frozen=True)
class SearxngSearch:
    """Searches by SearXNG's `GET /search?format=json`.

    The server must have `json` among `search.formats` of its settings; without it, it
    answers 403.
    """

    url: str
    """The server's address, without `/search`."""
    engines: str = ""
    categories: str = ""
    language: str = ""
    """Comma-separated engines and categories, and a language code; the server's own
    choice when empty."""
    timeout: float = TIMEOUT
    """Seconds an attempt may take in all."""
    retries: int = RETRIES
    name: str = field(default="searxng", init=False)
    returns_full_text: bool = field(default=False, init=False)

    @property
    def settings(self) -> Mapping[str, Any]:
        return {
            "url": self.url.rstrip("/"),
            "engines": self.engines,
            "categories": self.categories,
            "language": self.language,
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
        service = _Service("SearXNG", timeout=self.timeout, retries=self.retries)
        params = {
            "q": query,
            "format": "json",
            "engines": self.engines,
            "categories": self.categories,
            "language": self.language,
        }
        answer = await service.call(
            "GET",
            f"{self.url.rstrip('/').removesuffix('/search')}/search",
            params={key: value for key, value in params.items() if value},
        )
        return _documents(answer, k)


class _Service(JsonService):
    def refusal(self, status: int) -> str:
        return (
            f"SearXNG refused the request (status {status}): add `json` to search.formats "
            "in the server's settings.yml"
        )


def _documents(answer: Any, k: int) -> list[Document]:
    results = answer.get("results") if isinstance(answer, dict) else None
    if not isinstance(results, list):
        msg = "the server did not answer like SearXNG (no `results`); check its address"
        raise ServiceError(msg)
    _refuse_dead_engines(answer, results)
    return [_document(result) for result in results[:k] if isinstance(result, dict)]


def _refuse_dead_engines(answer: Mapping[str, Any], results: list[Any]) -> None:
    """Tell "no engine answered" from "nothing found", which both come with status 200."""
    dead = answer.get("unresponsive_engines")
    if results or not isinstance(dead, list) or not dead:
        return
    names = ", ".join(
        " ".join(map(str, e)) if isinstance(e, list) else str(e) for e in dead
    )
    msg = f"no engine of SearXNG answered ({names[:150]})"
    raise ServiceError(msg, retryable=True)


def _document(result: Mapping[str, Any]) -> Document:
    snippet = string(result.get("content"))
    score = result.get("score")
    return Document(
        title=string(result.get("title")),
        url=string(result.get("url")),
        snippet=snippet,
        text=snippet,
        date=string(result.get("publishedDate")),
        score=float(score) if isinstance(score, int | float) else None,
    )
