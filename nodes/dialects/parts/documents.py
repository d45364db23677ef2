"""How documents are listed for a model that reads them itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

DocumentDict = Mapping[str, Any]
"""Shaped like `trace.Document`."""


def text_of(document: DocumentDict) -> str:
    """Return a document's text, or what the search engine said of it."""
    return str(document.get("text") or document.get("snippet") or "")


def came_whole(document: DocumentDict) -> bool:
    """Return whether a retriever gave title and text as one text."""
    return document.get("title_line") is not None


def contents(document: DocumentDict) -> str:
    r"""Return a passage as its retriever wrote it, byte for byte.

    One whose title and text came apart is written as the wiki-18 corpus does it: `"Title"`,
    line break, text. Search-R1's and ReSearch's indexes hold their documents in this form
    (search/retrieval_server.py:318-358, scripts/serving/retriever_serving.py:38-93).

    >>> contents({"title": "Peru", "text": "A country."})
    '"Peru"\nA country.'
    >>> contents({"title": "Peru", "text": "A country.", "title_line": "Peru"})
    'Peru\nA country.'
    """
    line, title = document.get("title_line"), document.get("title")
    if line is None:
        line = f'"{title}"' if title else ""
    return f"{line}\n{text_of(document)}" if line else text_of(document)


def interleave(lists: Sequence[Sequence[DocumentDict]], most: int) -> list[DocumentDict]:
    """Merge ranked lists round robin, the first of each first, up to a number.

    >>> interleave([[{"id": 1}, {"id": 2}], [{"id": 3}]], 2)
    [{'id': 1}, {'id': 3}]
    """
    longest = max(map(len, lists), default=0)
    merged = [one[rank] for rank in range(longest) for one in lists if rank < len(one)]
    return merged[:most]
