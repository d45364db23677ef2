"""Links and addresses: in which forms markdown holds them."""

from __future__ import annotations

import re

from .blocks import blocks_of
from .gaps import GAP, SEAM
from .inline_code import MARKS

LINK = re.compile(
    r"(!?)\[((?:[^\[\]]|\[[^\[\]]*\](?!\())*+)\]"
    r"\(\s{0,9}(?:<([^<>\n]{0,2000})>|((?:[^()\s<>]|\([^()\s]*\))*))(?:\s[^)]{0,1000})?\)"
)
"""A link or a picture: `!` or nothing, the label, the address in angles or without. Of a link
in a link's label the inner one is a link."""

LINK_JOINT = "]("
"""What every link and picture has, those too that no pattern reads (`[a\\]](//e.test)`)."""

AUTOLINK = re.compile(
    r"(?<![ \t])([ \t]*)<([a-z][a-z0-9+.-]{1,31}:[^\x00-\x20<>]*+)>", re.IGNORECASE
)
"""The space before, and an address of any scheme in angles."""

ADDRESS = re.compile(
    r"(?<![ \t])([ \t]*)(?<![a-z])((?:[a-z][a-z0-9+.-]{1,31}://|www\.)"
    rf"[^\s<>\"'`\\{{}}|\[\]。，、；！？（）「」『』“”{GAP}{SEAM}{MARKS}]+)",
    re.IGNORECASE,
)
"""The space before, and a bare address. A letter of another script may stand right before it."""

_DEFINITION = re.compile(
    r"[ \t]*\[\^?\d{1,3}\]:"
    r"|(?:[ \t]*(?:>|(?:[-+*]|\d{1,9}[.)])(?=[ \t])))*+[ \t]*"
    r"\[[^\[\]\n]{1,200}\]:[ \t]*<?(?:[a-z][a-z0-9+.-]{0,31}:)?//",
    re.IGNORECASE,
)
"""The beginning of a footnote, or of the address of what is linked by a name, where some
renderer reads one."""

_AFTER = ".,;:!?*_"
"""What may follow an address in a sentence and is no part of it; a closing parenthesis is
none either, unless the address opened it."""


def without_definitions(text: str) -> str:
    r"""Return the text without the lines of footnotes and of definitions of links.

    >>> without_definitions("a\n\n> [x]: //e.test\n\n[y]:\njavascript:z\n[1]: b")
    'a\n\n'
    """
    blocks = blocks_of(text)
    fenced = {line for fence in blocks.fences for line in fence.lines}
    return "\n".join(
        line
        for place, line in enumerate(blocks.lines)
        if place not in blocks.definitions
        and (place in fenced or not _DEFINITION.match(line))
    )


def without_ending(run: str) -> str:
    """Return an address without the sentence's marks behind it.

    >>> without_ending("http://w.test/Lima_(city).)")
    'http://w.test/Lima_(city)'
    """
    unopened = run.count(")") - run.count("(")
    end = len(run)
    while end and (run[end - 1] in _AFTER or (run[end - 1] == ")" and unopened > 0)):
        end -= 1
        unopened -= run[end] == ")"
    return run[:end]
