"""Blocks of markdown: what each line of a text belongs to.

A parser is asked, not a pattern: whether three backticks open code depends on the list, the
quotation or the paragraph around them. It reads CommonMark with tables.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token

DEEPEST = 50
"""Levels of nesting that are read, a list being two; the parser calls itself for each."""


class _Parser(MarkdownIt):
    """Takes a definition for one whatever its address is, as other renderers do."""

    def validateLink(self, url: str) -> bool:  # noqa: N802 - the library's name
        return True

    def normalizeLink(self, url: str) -> str:  # noqa: N802 - the library's name
        return url


@dataclass(frozen=True)
class Fence:
    """Fenced code: its lines, the two fences included, and the mark that closes it."""

    lines: range
    mark: str


@dataclass(frozen=True)
class Blocks:
    """What the lines of a text are, by their number from 0."""

    lines: tuple[str, ...]
    fences: tuple[Fence, ...]
    prose: tuple[range, ...]
    """Paragraphs and headings; no cells of tables."""
    definitions: frozenset[int]
    """Lines that say what address a name in brackets stands for."""
    is_too_deep: bool
    """Whether something is nested so deeply that the parser skipped it."""


@lru_cache(maxsize=8)  # each step of a check asks again, mostly for the same text
def blocks_of(text: str) -> Blocks:
    r"""Return the blocks of a text.

    >>> blocks = blocks_of("- a\n  ~~~\n  b\n\nc\n    ```\n\n[d]:\n//e.test")
    >>> [fence.lines for fence in blocks.fences], blocks.prose, sorted(blocks.definitions)
    ([range(1, 4)], (range(0, 1), range(4, 6)), [7, 8])
    """
    text = one_newline(text)
    env: dict[str, Any] = {}
    # Without a last line's end the parser may read beyond it (markdown-it-py 4.3, getLines).
    tokens = _PARSER.parse(f"{text}\n", env)
    found = [*env.get("references", {}).values(), *env.get("duplicate_refs", ())]
    return Blocks(
        lines=tuple(text.split("\n")),
        fences=tuple(Fence(_lines(t), t.markup) for t in tokens if t.type == "fence"),
        prose=tuple(_prose(tokens)),
        definitions=frozenset(line for one in found for line in range(*one["map"])),
        is_too_deep=any(token.level >= DEEPEST - 2 for token in tokens),
    )


def one_newline(text: str) -> str:
    """Return a text whose lines all end as the parser ends them."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _prose(tokens: list[Token]) -> list[range]:
    openings = ("paragraph_open", "heading_open")
    pairs = pairwise(tokens)
    return [_lines(one) for before, one in pairs if before.type in openings and one.map]


def _lines(token: Token) -> range:
    return range(*(token.map or (0, 0)))


def _parser() -> MarkdownIt:
    parser = _Parser("commonmark", {"maxNesting": DEEPEST}).enable("table")
    # What stands inside a block is read by others.
    parser.core.ruler.enableOnly(["normalize", "block"])
    return parser


_PARSER = _parser()
