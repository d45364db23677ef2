"""Code inside a paragraph or a heading: only what is code in every reading.

What is in doubt is text, and is checked: a citation lost from code is a blemish, a link that
lives where code was seen is a hole.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

FIRST_MARK, LAST_MARK = "\U000f0000", "\U0010fffd"
"""Characters for private use: each stands for one span of code while a text is changed."""

MARKS = f"{FIRST_MARK}-{LAST_MARK}"
"""The same as a range in a pattern."""

_MARK = re.compile(f"[{MARKS}]")
_RUN = re.compile(r"`+")
_LINK_END = re.compile(r"\]\([^\s()<>\"'`\\]*\)")
"""End of a link which the sentence goes on behind, whoever reads it."""
_DOUBT = re.compile(
    r"`|\]\(|<[!?]|^(?:[ \t>*+-]|\d{1,9}[.)])*+<[a-z/]"
    rf"|(?<![^\s<])(?>[^\s<]*?(?:://|www\.))[^\s<]*{FIRST_MARK}"
    r"|^[ \t>]*[|:+=-][ \t|:+=-]*$",
    re.IGNORECASE | re.MULTILINE,
)
"""What may take in a backtick before it opens code: a backtick left over, a link's address or
title, a comment, a tag that begins a line, a bare address; and the line that makes a table."""
_TAG = re.compile(r"<[a-z/]", re.IGNORECASE)

LONGEST_RUN = 80
"""Backticks in a row that every reader counts."""


def outside_spans(
    text: str, spans: Sequence[tuple[int, int]], change: Callable[[str], str]
) -> str:
    """Return a text changed as a whole, its code hidden meanwhile.

    Args:
        text: what is to be changed.
        spans: where its code stands, in order.
        change: from the text, a mark in place of each span, to what it becomes.
    """
    parts: list[str] = []
    hidden: list[str] = []
    end = 0
    for start, stop in spans[: ord(LAST_MARK) - ord(FIRST_MARK)]:
        parts += [_MARK.sub("", text[end:start]), chr(ord(FIRST_MARK) + len(hidden))]
        hidden.append(text[start:stop])
        end = stop
    changed = change("".join([*parts, _MARK.sub("", text[end:])]))
    return _MARK.sub(lambda found: hidden[ord(found[0]) - ord(FIRST_MARK)], changed)


def code_spans(block: str) -> list[tuple[int, int]]:
    r"""Return where code stands in a paragraph or a heading; nowhere, where one is in doubt.

    >>> code_spans("a `b` ``c`d``"), code_spans("`a` `b"), code_spans("<a `b`")
    ([(2, 5), (6, 13)], [], [])
    >>> code_spans("x<y `b`"), code_spans("x<y `b` and c>d")
    ([(4, 7)], [])
    """
    spans = list(_paired(block))
    if not spans or "\\`" in block:
        return []
    ends = [0, *(stop for _, stop in spans)]
    starts = [*(start for start, _ in spans), len(block)]
    between = list(zip(ends, starts, strict=True))
    if _may_hold_tag(block, between):
        return []
    parts = [block[end:start] for end, start in between]
    return [] if _DOUBT.search(_LINK_END.sub("", FIRST_MARK.join(parts))) else spans


def _may_hold_tag(block: str, between: Sequence[tuple[int, int]]) -> bool:
    """Return whether a tag or an address in angles may begin outside code.

    Either ends in a `>`, which may stand in what looks like code: in `x<y` none begins.
    """
    last = block.rfind(">")
    return any(_TAG.search(block, start, min(stop, last)) for start, stop in between)


def _paired(block: str) -> Iterator[tuple[int, int]]:
    """Yield what two runs of equal length on a line enclose; others stay outside."""
    start = 0
    for line in block.split("\n"):
        runs = [(start + run.start(), start + run.end()) for run in _RUN.finditer(line)]
        yield from _paired_runs(runs)
        start += len(line) + 1


def _paired_runs(runs: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    place = 0
    while place < len(runs):
        first, opened = runs[place]
        length = opened - first
        place += 1
        while place < len(runs) and runs[place][1] - runs[place][0] != length:
            place += 1
        if place == len(runs) or length > LONGEST_RUN:
            return  # a run is left over: the block is in doubt
        yield first, runs[place][1]
        place += 1
