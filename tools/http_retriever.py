"""A retriever behind HTTP, by the contract its server keeps (`contracts.py`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..trace import Document
from .base import Episode
from .blocking import run_blocking
from .contracts import CONTRACTS, first_results
from .http import RETRIES, TIMEOUT, JsonService

READING_VERSION = 2
"""Part of the cache key: raise it when answers are read differently."""


@dataclass(frozen=True)
class HttpRetriever:
    """Asks a retrieval server for whole passages."""

    url: str
    """The server's address, with or without the contract's route."""
    contract: str = "retrieve"
    """A name in `CONTRACTS`; `retrieve` is Search-R1's."""
    timeout: float = TIMEOUT
    """Seconds an attempt may take in all."""
    retries: int = RETRIES
    name: str = field(default="http", init=False)
    returns_full_text: bool = field(default=True, init=False)

    @property
    def settings(self) -> Mapping[str, Any]:
        return {"url": self.endpoint, "contract": self.contract, "reading": READING_VERSION}

    @property
    def endpoint(self) -> str:
        """The address that is called."""
        route = CONTRACTS[self.contract].route
        return f"{self.url.rstrip('/').removesuffix(route)}{route}"

    def search(
        self, query: str, k: int, *, episode: Episode | None = None
    ) -> list[Document]:
        """Return at most `k` passages."""
        return run_blocking(self.asearch(query, k, episode=episode))

    async def asearch(
        self, query: str, k: int, *, episode: Episode | None = None
    ) -> list[Document]:
        """Async version of `search`."""
        contract = CONTRACTS[self.contract]
        service = JsonService("the retriever", timeout=self.timeout, retries=self.retries)
        body = contract.body(query, k)
        answer = await service.call("POST", self.endpoint, json=body)
        return first_results(contract, answer, k)
