"""No condensing: the documents as the dialect writes them."""

from __future__ import annotations

from typing import Any

from ..dialects.base import Dialect
from .base import Condensed, CondenseRequest


class NoCondenser:
    """Gives the documents' own text, each cut to a number of characters."""

    name = "none"

    def __init__(self, dialect: Dialect, *, max_chars: int | None = None) -> None:
        self._dialect = dialect
        self._max_chars = max_chars

    def condense(self, request: CondenseRequest, config: Any = None) -> Condensed:
        """Return the documents in the dialect's format."""
        documents = tuple(
            {**vars(document), "text": document.text[: self._max_chars]}
            for document in request.documents
        )
        text = self._dialect.format_documents(documents) if documents else ""
        used = tuple(document.id for document in request.documents)
        return Condensed(text, used=used, listed=documents)

    async def acondense(self, request: CondenseRequest, config: Any = None) -> Condensed:
        return self.condense(request, config)
