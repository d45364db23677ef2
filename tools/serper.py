"""Google search through Serper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..trace import Document
from .base import Episode
from .blocking import run_blocking
from .http import RETRIES, TIMEOUT, JsonService, ServiceError, required_key
from .results import string

KEY_VARIABLE = "SERPER_API_KEY"

SERPER_URL = "https://google.serper.dev/search"


@dataclass(frozen=True)
class SerperSearch:
    """Searches Google by Serper's API; the key is read from SERPER_API_KEY.

    Raises:
        MissingKeyError: no key given and none in the environment.
    """

    api_key: str | None = field(default=None, repr=False)
    exclude_urls: Sequence[str] = ()
    """Sites left out, each as ` -site:` in the query (google_search.py:231-234)."""
    country: str = ""
    language: str = ""
    """Google's `gl` and `hl`; its own choice when empty."""
    timeout: float = TIMEOUT
    """Seconds an attempt may take in all."""
    retries: int = RETRIES
    url: str = SERPER_URL
    name: str = field(default="serper", init=False)
    returns_full_text: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        object.__setattr__(
            self, "api_key", required_key("Serper", KEY_VARIABLE, self.api_key)
        )

    @property
    def settings(self) -> Mapping[str, Any]:
        return {
            "exclude_urls": list(self.exclude_urls),
            "country": self.country,
            "language": self.language,
            "url": self.url,
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
        service = JsonService("Serper", KEY_VARIABLE, self.timeout, self.retries)
        body = {"q": self._query(query), "num": k, "gl": self.country, "hl": self.language}
        answer = await service.call(
            "POST",
            self.url,
            json={key: value for key, value in body.items() if value},
            headers={"X-API-KEY": self.api_key or ""},
        )
        return _documents(answer, k)

    def _query(self, query: str) -> str:
        return query + "".join(f" -site:{site}" for site in self.exclude_urls)


def _documents(answer: Any, k: int) -> list[Document]:
    if not isinstance(answer, dict):
        msg = "Serper answered with something that is not a result page; check its address"
        raise ServiceError(msg)
    # A query that finds nothing has no `organic` at all.
    results = answer.get("organic") or []
    return [_document(result) for result in results[:k] if isinstance(result, dict)]


def _document(result: Mapping[str, Any]) -> Document:
    snippet = string(result.get("snippet"))
    return Document(
        title=string(result.get("title")),
        url=string(result.get("link")),
        snippet=snippet,
        text=snippet,
        date=string(result.get("date")),
    )
