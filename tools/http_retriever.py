"""A retriever behind HTTP: Search-R1's `/retrieve` contract.

`POST /retrieve {"queries": [...], "topk": n, "return_scores": true}` answers
`{"result": [[{"document": {"id", "contents"}, "score"}, ...], ...]}`; servers that ignore
`return_scores` answer with bare documents (Search-R1 retrieval_server.py:318-358).
"""

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
class HttpRetriever:
    """Asks a retrieval server for whole passages."""

    url: str
    """The server's address, with or without `/retrieve`."""
    timeout: float = TIMEOUT
    """Seconds an attempt may take in all."""
    retries: int = RETRIES
    name: str = field(default="http", init=False)
    returns_full_text: bool = field(default=True, init=False)

    @property
    def settings(self) -> Mapping[str, Any]:
        return {"url": self.endpoint}

    @property
    def endpoint(self) -> str:
        """The address that is called."""
        return f"{self.url.rstrip('/').removesuffix('/retrieve')}/retrieve"

    def search(
        self, query: str, k: int, *, episode: Episode | None = None
    ) -> list[Document]:
        """Return at most `k` passages."""
        return run_blocking(self.asearch(query, k, episode=episode))

    async def asearch(
        self, query: str, k: int, *, episode: Episode | None = None
    ) -> list[Document]:
        """Async version of `search`."""
        service = JsonService("the retriever", timeout=self.timeout, retries=self.retries)
        answer = await service.call(
            "POST",
            self.endpoint,
            json={"queries": [query], "topk": k, "return_scores": True},
        )
        # Some servers on this route ignore topk.
        return [_document(item) for item in _first_list(answer)[:k]]


def _first_list(answer: Any) -> list[Any]:
    results = answer.get("result") if isinstance(answer, dict) else None
    if isinstance(results, list) and len(results) == 1 and isinstance(results[0], list):
        return results[0]
    msg = (
        "the retriever did not answer with one list of results per query; check its address"
    )
    raise ServiceError(msg)


def _document(item: Any) -> Document:
    record = item.get("document", item) if isinstance(item, dict) else None
    contents = (
        record.get("contents", record.get("text")) if isinstance(record, dict) else None
    )
    if not isinstance(record, dict) or not isinstance(contents, str):
        msg = "the retriever returned a document without `contents`"
        raise ServiceError(msg)
    score = item.get("score") if record is not item else None
    title, text = split_contents(contents)
    return Document(
        title=string(record.get("title")) or title,
        text=text,
        url=string(record.get("url")),
        score=float(score) if isinstance(score, int | float) else None,
    )


def split_contents(contents: str) -> tuple[str, str]:
    r"""Return title and text of a passage in the wiki-18 form `"Title"\ntext`.

    >>> split_contents('"Ada \\"Countess\\" Lovelace"\nA mathematician.')
    ('Ada "Countess" Lovelace', 'A mathematician.')
    >>> split_contents("No title here.")
    ('', 'No title here.')
    """
    title, newline, text = contents.partition("\n")
    title = title.strip()
    if newline and len(title) > 1 and title[0] == title[-1] == '"':
        return title[1:-1].replace('\\"', '"').replace('""', '"'), text.strip()
    if newline and title and text.strip() and len(title) <= 200:
        return title, text.strip()
    return "", contents.strip()
