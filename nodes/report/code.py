"""Code in markdown: what is no heading and no citation, however it looks.

A fence stands at the start of a line (CommonMark); one that is never closed runs to the end
of its text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import groupby

_OPENING = re.compile(r"\s*(`{3,}(?=[^`]*$)|~{3,})")
_INLINE = re.compile(r"(`[^`\n]*`)")


def code_lines(text: str) -> Iterator[tuple[str, bool]]:
    r"""Yield each line, and whether it belongs to fenced code, its fences included.

    >>> list(code_lines("a ```\n```\nb\n```"))
    [('a ```', False), ('```', True), ('b', True), ('```', True)]
    """
    return ((line, is_code) for line, is_code, _ in _scanned(text))


def close_fence(text: str) -> str:
    r"""Return the text with a fence closed that was left open.

    >>> close_fence("a\n~~~~\nb"), close_fence("```\na\n```")
    ('a\n~~~~\nb\n~~~~', '```\na\n```')
    """
    *_, (_, _, fence) = _scanned(text)
    return f"{text}\n{fence}" if fence else text


def outside_code(text: str, change: Callable[[str], str]) -> str:
    """Return the text with everything changed that is no code, inline code left out too."""
    return outside_fences(text, lambda block: _outside_inline(block, change))


def outside_fences(text: str, change: Callable[[str], str]) -> str:
    """Return the text with all blocks of lines changed that are no fenced code."""
    blocks = (
        (is_code, "\n".join(line for line, _ in lines))
        for is_code, lines in groupby(code_lines(text), key=lambda pair: pair[1])
    )
    return "\n".join(block if is_code else change(block) for is_code, block in blocks)


def _scanned(text: str) -> Iterator[tuple[str, bool, str]]:
    """Yield each line, whether it is code, and the fence that is open after it."""
    fence = ""
    for line in text.split("\n"):
        if fence:
            marks = line.strip()
            if len(marks) >= len(fence) and set(marks) == {fence[0]}:
                fence = ""
            yield line, True, fence
        else:
            opening = _OPENING.match(line)
            fence = opening[1] if opening else ""
            yield line, bool(fence), fence


def _outside_inline(text: str, change: Callable[[str], str]) -> str:
    parts = _INLINE.split(text)
    return "".join(part if place % 2 else change(part) for place, part in enumerate(parts))
