"""The window of a page that holds the evidence a snippet or query points to.

The rule is SimpleDeepSearcher's: the sentence whose word set agrees best with the
snippet, and so many characters on each side of it. Sentences are split by a pattern of
our own; the original's nltk data is easily absent and then silently gives page starts.
"""

from __future__ import annotations

import re

EVIDENCE_F1 = 0.2
"""Word-set F1 the chosen sentence must exceed (SimpleDeepSearcher google_search.py:52-97)."""

EDGE = 40
"""Longest torn word that is dropped at an edge; text without spaces is cut as it is."""

_END = re.compile(r"[.!?](?=\s)|[。！？]+|\n+")
"""A sentence mark before white space, a CJK one, or the end of a line. One mark, not a run
of them: a run without white space after it would be read again from every place within."""

_WORD = re.compile(r"\w+")


def evidence_window(
    text: str, wanted: str, chars: int = 3000, *, threshold: float = EVIDENCE_F1
) -> str:
    """Return the part of a page around its best-matching sentence.

    Args:
        text: the page's text.
        wanted: the search result's snippet, or the query.
        chars: characters kept on each side of the sentence.
        threshold: F1 the sentence must exceed.

    Returns:
        The window, cut at white space; the first `2 * chars` characters when no
        sentence agrees well enough.

    >>> evidence_window("Rain fell. Ada Lovelace wrote notes. Snow fell.", "Ada Lovelace", 0)
    'Ada Lovelace wrote notes.'
    """
    span = best_sentence(text, wanted, threshold=threshold)
    if span is None:
        return _cut(text, 0, 2 * chars)
    start, end = span
    return _cut(text, start - chars, end + chars)


def best_sentence(
    text: str, wanted: str, *, threshold: float = EVIDENCE_F1
) -> tuple[int, int] | None:
    """Return the character span of the sentence most like `wanted`, or None."""
    target = _words(wanted)
    best, span = threshold, None
    for start, end in _sentences(text) if target else ():
        words = _words(text[start:end])
        # 2PR / (P + R) with P = common / |words| and R = common / |target|
        score = 2 * len(words & target) / (len(words) + len(target))
        if score > best:
            best, span = score, (start, end)
    return span


def _sentences(text: str) -> list[tuple[int, int]]:
    ends = [match.end() for match in _END.finditer(text)]
    starts = [0, *ends]
    return list(zip(starts, [*ends, len(text)], strict=True))


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text.lower()))


def _cut(text: str, start: int, end: int) -> str:
    """Return `text[start:end]` without the torn words at its edges."""
    start, end = max(0, start), min(len(text), end)
    if start > 0 and not text[start - 1].isspace():
        places = range(start, min(start + EDGE, end))
        start = next((place for place in places if text[place].isspace()), start)
    if end < len(text) and not text[end].isspace():
        places = range(end - 1, max(end - EDGE, start), -1)
        end = next((place for place in places if text[place].isspace()), end)
    return text[start:end].strip()
