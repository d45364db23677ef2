"""HTML tags that link or load something: a report holds none."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser

from .gaps import SEAM

LOADING_TAGS = frozenset(
    "applet area audio base bgsound body button embed form frame frameset iframe image img "
    "input link meta object param picture script source style svg track use video".split()
)
"""Elements that fetch, send or restyle by themselves."""

LOADING_ATTRIBUTES = frozenset(
    "action background cite codebase data dynsrc formaction href longdesc lowsrc ping poster "
    "profile src srcdoc srcset style xlink:href".split()
)
"""Attributes that name an address, or hold CSS, which can; `on…` hold scripts."""

_TAG = re.compile(
    r"<(/?)([a-z][a-z0-9:-]*+)((?:[\s/](?:[^<>\"']++|\"[^\"]*+\"|'[^']*+'){0,200}+)?)>",
    re.IGNORECASE,
)
_OPEN = re.compile(
    rf"</?(?:(?:{'|'.join(sorted(LOADING_TAGS))})(?![a-z0-9:-])|a(?=[\s/][^<>]{{0,300}}href))",
    re.IGNORECASE,
)
"""A tag without an end, which a browser would find one for."""


def drop_loading(text: str, removed: Callable[[], None]) -> str:
    """Return the text without tags that link or load, others without such attributes.

    Args:
        text: markdown.
        removed: called for each tag that was taken out or changed, but for closing ones.

    >>> drop_loading('<b style="color:red">A</b> <base href="//e.test/">', lambda: None)[:-1]
    '<b>A</b> '
    """

    def checked(found: re.Match[str]) -> str:
        closing, name = found[1], found[2].lower()
        attributes = _attributes(found[0]) if not closing else frozenset()
        is_link = name == "a" and (closing or "href" in attributes)
        if is_link or name in LOADING_TAGS:
            if not closing:
                removed()
            return SEAM
        if not any(one in LOADING_ATTRIBUTES or one.startswith("on") for one in attributes):
            return found[0]
        removed()
        return f"<{found[2]}>"

    def cut(found: re.Match[str]) -> str:
        if not found[0].startswith("</"):
            removed()
        return SEAM

    return _OPEN.sub(cut, _TAG.sub(checked, text))


class _Attributes(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.names: frozenset[str] = frozenset()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names = frozenset(name for name, _ in attrs)


def _attributes(tag: str) -> frozenset[str]:
    parser = _Attributes()
    parser.feed(tag)
    return parser.names
