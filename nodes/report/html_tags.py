"""HTML that links, loads or swallows what follows it: a report holds none."""

from __future__ import annotations

import re
from collections.abc import Callable

from .gaps import SEAM

LOADING_TAGS = frozenset(
    "applet area audio base bgsound body button embed form frame frameset iframe image img "
    "input link meta object param picture script source style svg track use video".split()
)
"""Elements that fetch, send or restyle by themselves."""

SWALLOWING_TAGS = frozenset(
    "noembed noframes noscript plaintext pre script style template textarea title xmp".split()
)
"""Elements whose end, wherever it is, ends them and nothing before: no empty line does."""

LOADING_ATTRIBUTES = frozenset(
    "action archive attributionsrc background cite classid codebase data dynsrc formaction "
    "href icon longdesc lowsrc manifest ping poster profile src srcdoc srcset style usemap "
    "xlink:href".split()
)
"""Attributes that name an address, or hold CSS, which can; `on…` hold scripts."""

_NAMES = "|".join(sorted(LOADING_TAGS | SWALLOWING_TAGS))
_ATTRIBUTE = r"[^\s\"'<>/=]++(?:\s*+=\s*+(?:\"[^<\"]*+\"|'[^<']*+'|[^\s\"'=<>`]++))?+"
"""An attribute; a value holds no `<`, so that a tag taken for whole hides no other."""
_SPACE = r"(?:(?!\n[ \t]*>)[\s/])++"
"""Between attributes; a `>` that begins a line may be a quotation's, and end no tag."""
_HTML = (
    rf"(?P<tag><(?P<closing>/?)(?P<name>[a-z][a-z0-9:-]*+)"
    rf"(?P<attributes>(?:{_SPACE}(?:{_SPACE}|{_ATTRIBUTE}){{0,200}}+)?)>)"
    r"|<!--(?P<comment>(?:(?!<!--|-->).)*+)-->"
    r"|<(?:!(?:--|\[CDATA\[)?|\?)"
    rf"|</?(?:(?:{_NAMES})(?![a-z0-9:-])|a(?=[\s/][^<>]{{0,300}}href))"
)
"""A tag; a comment; what opens a comment, an instruction or a declaration; a tag to take out
that has no end, which a browser would find one for."""
_FLAGS = re.IGNORECASE | re.DOTALL
_WHOLE = re.compile(_HTML, _FLAGS)
_ANY = re.compile(rf"{_HTML}|(?P<broken><(?=/?[a-z]))", _FLAGS)
"""The same, and what begins like a tag and is not written like one."""
_ATTRIBUTES = re.compile(_ATTRIBUTE)
_STOP = re.compile(
    rf"(?P<loads>(?<=[\s/\"'])(?:{'|'.join(sorted(LOADING_ATTRIBUTES))}|on[^\s/>=\"']*+)"
    r"\s*+=|=\s*+[\"'])|>|\n[ \t]*+\n",
    _FLAGS,
)
"""In what begins like a tag: an attribute that loads, or a value in quotation marks, which may
run on to any other; or what ends the tag before such a one. `$i<j$ and $k = 1$` has none."""
_QUOTED = re.compile(r"^[ \t]*>[ \t>]*", re.MULTILINE)


def drop_loading(text: str, removed: Callable[[], None]) -> str:
    """Return the text without such HTML; what stands in it stays, as text.

    Args:
        text: markdown.
        removed: called for each tag that was taken out or changed, but for closing ones.

    >>> drop_loading('<b style="color:red">A</b> <base href="//e.test/">', lambda: None)[:-1]
    '<b>A</b> '
    """

    def checked(found: re.Match[str]) -> str:
        kept = (
            _checked_tag(found) if found["tag"] else f"{SEAM}{found['comment'] or ''}{SEAM}"
        )
        if kept != found[0] and not found[0].startswith("</"):
            removed()
        return kept

    dropped = _WHOLE.sub(checked, text)
    # What was taken out of the middle of a tag may have made it a whole one.
    return _without_broken(text) if dropped == text else dropped


def _checked_tag(found: re.Match[str]) -> str:
    name = found["name"].lower()
    given = _ATTRIBUTES.findall(found["attributes"])
    attributes = {one.partition("=")[0].strip().lower() for one in given}
    is_link = name == "a" and (found["closing"] or "href" in attributes)
    if is_link or name in LOADING_TAGS | SWALLOWING_TAGS:
        return SEAM
    is_loading = any(a in LOADING_ATTRIBUTES or a.startswith("on") for a in attributes)
    return f"<{found['closing']}{found['name']}>" if is_loading else found[0]


def _without_broken(text: str) -> str:
    r"""Return the text with a tag that is not written like one, but may load, as text.

    A browser reads attributes in ways of its own, up to the next `>`. Mathematics stays.

    >>> _without_broken(r"$\sum_{i<j} w_{ij} = 1$"), _without_broken("<b <1 style=x>")
    ('$\\sum_{i<j} w_{ij} = 1$', '&lt;b <1 style=x>')
    """
    seen = _QUOTED.sub(lambda found: " " * len(found[0]), text)
    stop = _STOP.search(seen)

    def escaped(found: re.Match[str]) -> str:
        nonlocal stop
        if not found["broken"]:
            return found[0]
        if stop and stop.start() < found.end():
            stop = _STOP.search(seen, found.end())
        return "&lt;" if stop and stop["loads"] else found[0]

    return _ANY.sub(escaped, text)
