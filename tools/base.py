"""What a search provider and a reader are; every tool of the agent is one of the two."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from ..errors import DeepSearchError
from ..trace import Document


class ToolError(DeepSearchError):
    """A search or a page read failed. Never shown to the model as a finding."""

    def __init__(
        self, message: str, *, retryable: bool = False, outage: bool = False
    ) -> None:
        super().__init__(message)
        self.retryable = retryable
        """True for time-outs, 429 and 5xx: the same call may work later."""
        self.outage = outage
        """True when the service itself is out of reach or refuses the key, so that any
        other call would have failed too."""


class SearchError(ToolError):
    """A search failed (a search that finds nothing is an empty list, no error)."""


class ReadError(ToolError):
    """A page could not be read."""


@dataclass(frozen=True)
class Episode:
    """What a simulated search engine needs to know beyond the query."""

    question: str = ""
    golds: tuple[str, ...] = ()
    training_step: int = 0
    training_steps: int = 0
    noise: float | None = None
    """Probability of misleading documents, where a training's curriculum says it."""


@dataclass(frozen=True)
class Page:
    """A page as read: its address after redirects and its main text."""

    url: str
    title: str = ""
    text: str = ""
    date: str = ""
    links: tuple[tuple[str, str], ...] = ()
    """(anchor text, absolute URL) pairs in page order."""
    metadata: Mapping[str, Any] = field(default_factory=dict)


@runtime_checkable
class SearchProvider(Protocol):
    """Finds documents for a query."""

    @property
    def name(self) -> str:
        """Short name, part of the cache key."""
        ...

    @property
    def returns_full_text(self) -> bool:
        """True when `Document.text` is the whole passage, so reading adds nothing."""
        ...

    @property
    def settings(self) -> Mapping[str, Any]:
        """Everything that changes what a query returns; part of the cache key."""
        ...

    def search(
        self, query: str, k: int, *, episode: Episode | None = None
    ) -> list[Document]:
        """Return at most `k` documents, best first; ids are left empty.

        Raises:
            SearchError: the search could not be carried out.
        """
        ...

    async def asearch(
        self, query: str, k: int, *, episode: Episode | None = None
    ) -> list[Document]:
        """Async version of `search`."""
        ...


@runtime_checkable
class IdentifiedSearch(Protocol):
    """A search whose documents have ids of their own, apart from those a run gives.

    They come beside the documents: in `Document.id` they would be taken for a run's.
    """

    def search_with_ids(self, query: str, k: int) -> list[tuple[str, Document]]:
        """Return what `search` does, each document with its own id."""
        ...


@runtime_checkable
class Reader(Protocol):
    """Reads a page."""

    @property
    def name(self) -> str:
        """Short name, part of the cache key."""
        ...

    @property
    def settings(self) -> Mapping[str, Any]:
        """Everything that changes what a page reads as; part of the cache key."""
        ...

    def read(self, url: str) -> Page:
        """Return the page's main text.

        Raises:
            ReadError: the page cannot be fetched, is refused, or holds no text.
        """
        ...

    async def aread(self, url: str) -> Page:
        """Async version of `read`."""
        ...
