"""Sources: the documents a run has seen, each with one id however often it was found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from ..tools.safety import normalize_url, page_key
from ..trace import Document, Source
from .citation_forms import cited_in, plain_citations

EXCERPT = 80
"""Characters of a text that are shown where it has neither title nor address."""


class SourceList:
    """Gives documents their ids, in order of first appearance."""

    def __init__(self, known: Sequence[Mapping[str, Any]] = ()) -> None:
        self._entries = list(known)
        self._written = len(self._entries)
        """How many of them state holds already."""
        # Backwards, so that of two entries of one page the first is the one that counts.
        self._by_key = {_key(entry): entry for entry in reversed(self._entries)}

    def add(self, documents: Sequence[Document]) -> list[Document]:
        """Return the documents with ids; a page found again keeps its id."""
        return [
            document.model_copy(
                update={"id": self._id(document.url, document.title, document.text)}
            )
            for document in documents
        ]

    def add_dumped(self, documents: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Do the same with documents as plain dicts."""
        return [{**d, "id": self._id(d["url"], d["title"], d["text"])} for d in documents]

    def mark_used(self, ids: set[str]) -> list[Mapping[str, Any]]:
        """Mark entries whose text became evidence; return those new or changed."""
        changed = []
        for place, entry in enumerate(self._entries):
            is_newly_used = entry["id"] in ids and not entry["used"]
            if is_newly_used:
                self._entries[place] = {**entry, "used": True}
            if is_newly_used or place >= self._written:
                changed.append(self._entries[place])
        return changed

    def _id(self, url: str, title: str, text: str) -> str:
        address = normalize_url(url) if url else ""
        known = self._by_key.get(page_key(address)) if address else None
        if known is None:
            entry = {"url": address, "title": title, "content_hash": _hash(text)}
            if not (address or title.strip()):
                entry["excerpt"] = _excerpt(text)
            known = self._by_key.get(_key(entry)) or self._new(entry)
        return known["id"]

    def _new(self, entry: Mapping[str, Any]) -> Mapping[str, Any]:
        known = {
            "id": str(len(self._entries) + 1),
            **entry,
            "retrieved_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "used": False,
            "cited": False,
        }
        self._entries.append(known)
        self._by_key[_key(entry)] = known
        return known


def _hash(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:16]


def _excerpt(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= EXCERPT else f"{words[:EXCERPT].rstrip()} …"


def words_of(source: Mapping[str, Any]) -> list[str]:
    """Return what names a source to people: title and address, else how its text begins.

    >>> words_of({"title": "Peru", "url": ""}), words_of({"title": "", "url": ""})
    (['Peru'], [])
    """
    named = [part for part in (source["title"], source["url"]) if part.strip()]
    return named or [part for part in (source.get("excerpt"),) if part]


def _key(entry: Mapping[str, Any]) -> str:
    url = entry["url"]
    return page_key(url) if url else f"{entry['title']}\0{entry['content_hash']}"


def cite(
    sources: Sequence[Mapping[str, Any]], answer_text: str
) -> tuple[list[dict[str, Any]], int]:
    """Check the citations of a final text, in any form, against what was retrieved.

    Returns:
        The sources with `cited` set, and how many ids it names of no retrieved source.

    >>> cite([{"id": "1", "cited": False}], "So it is [1], not [1, 7] nor [8].")
    ([{'id': '1', 'cited': True}], 2)
    >>> cite([{"id": "1", "cited": False}], "As [Source 1] says.")
    ([{'id': '1', 'cited': True}], 0)
    >>> cite([{"id": "1", "cited": False}], "Probabilities lie in [0, 1].")
    ([{'id': '1', 'cited': False}], 0)
    >>> cite([{"id": "1", "cited": False}], "As [1, 0] say, and [0].")
    ([{'id': '1', 'cited': True}], 1)
    """
    named = cited_in(plain_citations(answer_text))
    marked = [{**source, "cited": source["id"] in named} for source in sources]
    return marked, len(named - {source["id"] for source in sources})


def to_source(entry: Mapping[str, Any]) -> Source:
    """Return a state entry as a trace source."""
    known = Source.model_fields
    return Source(**{name: value for name, value in entry.items() if name in known})
