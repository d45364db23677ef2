"""What a condenser is: the summarize step, from documents to the evidence inserted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from ...trace import ChildRecord, Document
from ..dialects.base import FOREIGN_TAG, break_tags


@dataclass(frozen=True)
class CondenseRequest:
    """Everything a condenser may use for one query's documents."""

    question: str
    query: str
    documents: Sequence[Document]
    reasoning: str = ""
    """The transcript so far, without the prompt."""
    turn: int = 0
    url: str = ""
    """The page's address where the model asked for one; then there is no query."""
    goal: str = ""
    """What the model wants to know from that page."""
    begin_markers: tuple[str, ...] = ()
    """The dialect's tags: lines with one are kept when the reasoning is shortened."""


def without_foreign_tags(request: CondenseRequest) -> CondenseRequest:
    """Return a request whose documents can be put into a model's prompt.

    A page that writes a chat template's tokens would else end the message it stands in and
    speak as another role.
    """
    fields = ("title", "text", "url", "snippet", "date")
    documents = [
        document.model_copy(
            update={f: break_tags(getattr(document, f), FOREIGN_TAG) for f in fields}
        )
        for document in request.documents
    ]
    return replace(request, documents=documents)


@dataclass(frozen=True)
class Condensed:
    """Evidence text, not yet wrapped, and the model calls it took."""

    text: str
    children: tuple[ChildRecord, ...] = field(default=())
    used: tuple[str, ...] = ()
    """Ids of the documents whose text went into the evidence."""
    documents: tuple[Document, ...] = ()
    """What the condenser retrieved itself, without ids; all of it counts as used."""
    listed: tuple[Mapping[str, Any], ...] = ()
    """The request's documents, cut as they stand in the text, where it is a list of them."""


class Condenser(Protocol):
    """Turns the documents of one query into evidence.

    A model's failure is recorded in the child record and a fallback used; an error text
    is never given as evidence.
    """

    name: str

    def condense(self, request: CondenseRequest, config: Any = None) -> Condensed:
        """Return the evidence; empty text when nothing is relevant."""
        ...

    async def acondense(self, request: CondenseRequest, config: Any = None) -> Condensed:
        """Async version of `condense`."""
        ...
