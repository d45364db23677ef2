"""Code in markdown: what is no heading and no citation, however it looks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby

from .blocks import Blocks, blocks_of
from .inline_code import code_spans, outside_spans

_SENTINEL = "sentinel"


def code_lines(text: str) -> Iterator[tuple[str, bool]]:
    r"""Yield each line, and whether it belongs to fenced code, its fences included.

    >>> list(code_lines("a ```\n```\nb\n```"))
    [('a ```', False), ('```', True), ('b', True), ('```', True)]
    """
    blocks = blocks_of(text)
    fenced = _fenced(blocks)
    return ((line, place in fenced) for place, line in enumerate(blocks.lines))


def close_fence(text: str) -> str:
    r"""Return the text with a fence closed that was left open.

    >>> close_fence("a\n~~~~\nb"), close_fence("```\na\n```"), close_fence("a\n    ```")
    ('a\n~~~~\nb\n~~~~', '```\na\n```', 'a\n    ```')
    """
    blocks = blocks_of(f"{text}\n\n{_SENTINEL}")
    last = len(blocks.lines) - 1
    mark = next((fence.mark for fence in blocks.fences if last in fence.lines), "")
    return f"{text}\n{mark}" if mark else text


def outside_code(text: str, change: Callable[[str], str]) -> str:
    """Return the text with everything changed that is no code.

    What stands between two fences is changed as one, with a mark for each span of code in it.
    """
    blocks = blocks_of(text)
    fenced = _fenced(blocks)
    prose = {block.start: block for block in blocks.prose}
    parts = []
    for is_code, places in groupby(range(len(blocks.lines)), key=fenced.__contains__):
        numbers = list(places)
        part = "\n".join(blocks.lines[number] for number in numbers)
        if not is_code:
            inside = [prose[number] for number in numbers if number in prose]
            spans = _spans(blocks.lines, numbers[0], inside)
            part = outside_spans(part, spans, change)
        parts.append(part)
    return "\n".join(parts)


def _fenced(blocks: Blocks) -> frozenset[int]:
    return frozenset(line for fence in blocks.fences for line in fence.lines)


def _spans(
    lines: Sequence[str], first: int, prose: Sequence[range]
) -> list[tuple[int, int]]:
    """Return where code stands in the text whose lines begin with number `first`."""
    spans = []
    place, number = 0, first
    for block in prose:
        place += sum(len(line) + 1 for line in lines[number : block.start])
        number = block.start
        text = "\n".join(lines[block.start : block.stop])
        spans += [(place + start, place + stop) for start, stop in code_spans(text)]
    return spans
