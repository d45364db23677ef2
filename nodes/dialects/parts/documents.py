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


def numbered_lines(documents: Sequence[DocumentDict]) -> str:
    r"""Return passages on a line each, the first line of every one as its title.

    Search-R1's form (search_r1/llm_agent/generation.py:460-468), and that of O2-Searcher's
    cold-start data. `read_numbered_lines` reads it.

    >>> numbered_lines([{"title": "Peru", "text": "A country."}])
    'Doc 1(Title: "Peru") A country.\n'
    """
    lines = []
    for number, document in enumerate(documents, 1):
        first, _, rest = contents(document).partition("\n")
        lines.append(f"Doc {number}(Title: {first}) {rest}\n")
    return "".join(lines)


def read_numbered_lines(text: str) -> list[tuple[str, str]]:
    r"""Return the first line and the rest of every passage; none where there are no such.

    >>> read_numbered_lines('Doc 1(Title: "Peru") A.\nB.\nDoc 2(Title: Lima) C.\n')
    [('"Peru"', 'A.\nB.'), ('Lima', 'C.')]
    """
    found: list[tuple[str, str]] = []
    rest = text.removeprefix("Doc 1(Title: ")
    while rest and rest != text:
        # Only the next number ends a passage: one may hold a line of this form itself.
        passage, _, rest = rest.partition(f"\nDoc {len(found) + 2}(Title: ")
        quote = '"' if passage.startswith('"') else ""
        title, closed, said = passage.partition(f"{quote}) ")
        if not closed:
            return []
        found.append((title + quote, said.removesuffix("\n")))
    return found


def interleave(lists: Sequence[Sequence[DocumentDict]], most: int) -> list[DocumentDict]:
    """Merge ranked lists round robin, the first of each first, up to a number.

    >>> interleave([[{"id": 1}, {"id": 2}], [{"id": 3}]], 2)
    [{'id': 1}, {'id': 3}]
    """
    longest = max(map(len, lists), default=0)
    merged = [one[rank] for rank in range(longest) for one in lists if rank < len(one)]
    return merged[:most]
