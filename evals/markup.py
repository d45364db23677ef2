"""HTML that is escaped unless it was built here.

What a run holds comes from pages and models, so it may hold tags and scripts: a plain
string can only become text.
"""

from __future__ import annotations

import html
from pathlib import Path
from urllib.parse import urlsplit

VOID = frozenset({"meta", "br", "line", "polyline"})
"""Elements written without an end tag; SVG's are closed by a slash."""

CONTENT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""Policy of a page without scripts: even a tag that slipped through would do nothing."""


class Markup(str):
    """HTML that needs no escaping."""

    __slots__ = ()


def element(name: str, /, *children: object, **attributes: object) -> Markup:
    """Return an element; children that are not `Markup` are escaped, None is left out.

    Args:
        name: the tag.
        children: text, numbers or markup.
        attributes: `class_` for class; an underscore stands for a hyphen; None is left
            out and True gives the bare name.

    >>> element("p", "a < b", element("b", "c"), class_="note")
    '<p class="note">a &lt; b<b>c</b></p>'
    """
    opened = name + "".join(_attribute(key, value) for key, value in attributes.items())
    if name in VOID:
        return Markup(f"<{opened}/>")
    return Markup(f"<{opened}>{join(*children)}</{name}>")


def join(*children: object) -> Markup:
    """Return children one after another, escaped as in `element`."""
    return Markup("".join(escape(child) for child in children if child is not None))


def escape(value: object) -> Markup:
    """Return a value as text in HTML; markup stays as it is."""
    return value if isinstance(value, Markup) else Markup(html.escape(str(value)))


def link(url: str, text: str) -> Markup:
    """Return a link to a web address; anything else than http(s) stays text.

    >>> link("javascript:alert(1)", "x")
    'x'
    """
    try:
        scheme = urlsplit(url).scheme
    except ValueError:
        scheme = ""
    if scheme not in ("http", "https"):
        return escape(text)
    return element("a", text, href=url, rel="noreferrer noopener", target="_blank")


def stylesheet(*names: str) -> Markup:
    """Return the room's style sheets as one inline element."""
    text = "\n".join(Path(__file__).with_name(n).read_text("utf-8") for n in names)
    return Markup(f"<style>\n{text}</style>")


def page(title: str, styles: Markup, body: Markup) -> str:
    """Return a whole self-contained page that runs no script and loads nothing."""
    head = join(
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", http_equiv="Content-Security-Policy", content=CONTENT_POLICY),
        element("meta", name="color-scheme", content="light dark"),
        element("title", title),
        styles,
    )
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>{body}</body></html>\n'


def _attribute(key: str, value: object) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{html.escape(str(value))}"'
