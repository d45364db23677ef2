"""A search result's snippet: the short stretch of a text that fits a query best."""

from __future__ import annotations

import re

from .stemming import stem, terms

SNIPPET_CHARS = 200
"""Length of a snippet, about what web search engines show."""

_WORD = re.compile(r"\w+")


def snippet_window(text: str, query: str, chars: int = SNIPPET_CHARS) -> str:
    """Return about `chars` characters of `text` holding the most terms of `query`.

    The earliest such stretch wins; the start of the text when no term occurs.
    """
    if len(text) <= chars:
        return text.strip()
    start = _best_start(text, set(terms(query)), chars)
    end = start + chars
    if end < len(text):
        space = text.rfind(" ", start, end + 1)
        end = space if space > start else end
    head = "… " if start > 0 else ""
    tail = " …" if end < len(text) else ""
    return f"{head}{text[start:end].strip()}{tail}"


def _best_start(text: str, wanted: set[str], chars: int) -> int:
    hits = [
        (match.start(), match.end(), word)
        for match in _WORD.finditer(text)
        if (word := stem(match.group().lower())) in wanted
    ]
    best, place, left = 0, 0, 0
    counts: dict[str, int] = {}
    for start, end, word in hits:
        counts[word] = counts.get(word, 0) + 1
        while end - hits[left][0] > chars and hits[left][0] < start:
            counts[hits[left][2]] -= 1
            left += 1
        distinct = sum(count > 0 for count in counts.values())
        if distinct > best:
            best, place = distinct, hits[left][0]
    # A little of what comes before, so that the first term is not at the very edge.
    lead = max(0, place - chars // 5)
    if lead == 0:
        return 0
    space = text.find(" ", lead, place)
    return space + 1 if space >= 0 else place
