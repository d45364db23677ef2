"""Citations: every one is checked by code against what was retrieved.

A writer cites a source by its id, in one of the forms of `citation_forms.py`. A citation that
names nothing the writer was shown is taken out and counted; so are links to pages that were not
retrieved, pictures, and HTML that links or loads something. In the finished report the numbers
run in order of first use.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ...tools.safety import page_key
from ..citation_forms import (
    change_citations,
    plain_citations,
    plain_entities,
    without_repeats,
)
from .blocks import blocks_of, one_newline
from .code import outside_code
from .gaps import GAP, SEAM, close_gaps, without_marks
from .html_tags import drop_loading
from .links import ADDRESS, AUTOLINK, LINK, LINK_JOINT, without_definitions, without_ending

_WEB = re.compile(r"www\.", re.IGNORECASE)
_PLAIN = re.compile(r"(?:https?|ftp)://|www\.", re.IGNORECASE)
"""Addresses that may stay where a page names them: of pages, and of no script."""
_MARKUP = re.compile(r"[\\`*_\[\]<>#|!]|&(?=#?\w+;)|:(?=//)|(?<=www)\.", re.IGNORECASE)
"""What a title may hold that markdown would take for more than text, addresses included."""
_NUMBER = re.compile(r"\[?\^?(\d{1,3})\]?")
_BRACKETS = str.maketrans(dict.fromkeys("[【［", "(") | dict.fromkeys("]】］", ")"))

MOST_PASSES = 12
"""Taking out may bring together what is to be taken out as well (`<im<img>g …>`), so a text
is checked until nothing changes; one nested deeper than this loses its brackets, in code too."""


class CitationCheck:
    """Takes out of texts what cites nothing known; counts what was taken out."""

    def __init__(self, sources: Sequence[Mapping[str, Any]], seen_text: str = "") -> None:
        """Make a check.

        Args:
            sources: what may be cited, each with `id` and `url`.
            seen_text: text of what was retrieved; an address that stands in it is one the
                sources speak of, and stays.
        """
        self.removed = 0
        self._ids = {str(source["id"]) for source in sources}
        self._by_page: dict[str, str] = {}
        for source in sources:
            if source["url"]:
                self._by_page.setdefault(page_key(source["url"]), str(source["id"]))
        self._seen_text = seen_text

    def clean(self, text: str) -> str:
        """Return the text with only such citations as name a source; code stays as it is.

        What was cleaned is not changed by cleaning it again.

        >>> check = CitationCheck([{"id": "1", "url": "http://w.test/peru"}])
        >>> check.clean("Lima [1, 9]. See [Peru](http://w.test/peru) or http://e.test.")
        'Lima [1]. See Peru [1] or.'
        >>> check.removed
        2
        """
        text = one_newline(text)
        for _ in range(MOST_PASSES):
            if blocks_of(text).is_too_deep:
                break
            cleaned = self._pass(text)
            if cleaned == text:
                return text
            text = cleaned
        return _without_brackets(text)

    def _pass(self, text: str) -> str:
        text = outside_code(text, lambda part: plain_citations(without_marks(part)))
        text = without_definitions(text)
        # A tag may hide where code begins, so the rest is read anew without it.
        text = outside_code(text, lambda part: drop_loading(part, self._count))
        return outside_code(text, self._clean)

    def _clean(self, text: str) -> str:
        text = self._without_links(text)
        text = AUTOLINK.sub(self._autolink, text)
        text = ADDRESS.sub(self._address, text)
        text = change_citations(text, self._citation)
        return close_gaps(without_repeats(text))

    def _count(self) -> None:
        self.removed += 1

    def _without_links(self, text: str) -> str:
        for _ in range(MOST_PASSES):  # from the inner to the outer
            text, count = LINK.subn(self._link, text)
            if not count:
                break
        self.removed += text.count(LINK_JOINT)
        return text.replace(LINK_JOINT, "] (")

    def _link(self, found: re.Match[str]) -> str:
        is_picture, label, url = bool(found[1]), found[2], found[3] or found[4] or ""
        number = _NUMBER.fullmatch(label)
        if number and not is_picture:
            return f"[{number[1]}]"  # checked as what it is, a citation
        known = None if is_picture else self._page(url)
        if known is not None:
            return f"{label} [{known}]".strip()
        self.removed += 1
        return f"{label}{SEAM}"

    def _autolink(self, found: re.Match[str]) -> str:
        return self._resolved(found, found[2], "")

    def _address(self, found: re.Match[str]) -> str:
        address = without_ending(found[2])
        return self._resolved(found, address, found[2][len(address) :])

    def _resolved(self, found: re.Match[str], address: str, rest: str) -> str:
        known = self._page(address)
        if known is not None:
            before = found.string[found.start() - 1] if found.start() else "\n"
            space = found[1] if before in "\n([" else " "
            return f"{space}[{known}]{rest}"
        if _PLAIN.match(address) and address in self._seen_text:
            return found[0]
        self.removed += 1
        return f"{GAP}{rest}"

    def _page(self, address: str) -> str | None:
        """Return the id of the page that an address names, if it was retrieved."""
        full = f"http://{address}" if _WEB.match(address) else address
        return self._by_page.get(page_key(full))

    def _citation(self, space: str, named: list[str]) -> str:
        kept = [number for number in named if number in self._ids]
        self.removed += len(named) - len(kept)
        return f"{space}{''.join(f'[{number}]' for number in kept)}" if kept else GAP


def _without_brackets(text: str) -> str:
    """Return a text, code and all, in which nothing cites, links or loads."""
    text = plain_entities(without_marks(text)).translate(_BRACKETS)
    text = text.replace("<", "&lt;").replace("://", ": //")
    return _WEB.sub("www ", text)


def number_sources(text: str) -> tuple[str, dict[str, int]]:
    """Number the cited sources from 1 in order of first use.

    Args:
        text: a text whose citations were checked.

    Returns:
        The text with the numbers, and each cited id's number.

    >>> number_sources("B [7], then A [2][7].")
    ('B [1], then A [2][1].', {'7': 1, '2': 2})
    """
    numbers: dict[str, int] = {}

    def renumber(space: str, ids: list[str]) -> str:
        named = [numbers.setdefault(i, len(numbers) + 1) for i in ids]
        return f"{space}{''.join(f'[{number}]' for number in named)}"

    return outside_code(text, lambda part: change_citations(part, renumber)), numbers


def source_list(sources: Sequence[Mapping[str, Any]]) -> str:
    r"""Return the numbered list of the cited sources, empty where there is none.

    >>> source_list([{"number": 1, "title": "Peru", "url": "http://w.test/peru"}])
    '- [1] Peru. <http://w.test/peru>'
    """
    cited = sorted((s for s in sources if s.get("number")), key=lambda s: s["number"])
    return "\n".join(f"- [{s['number']}] {_reference(s)}" for s in cited)


def _reference(source: Mapping[str, Any]) -> str:
    # A title comes from outside: no line of its own, no link, no markup.
    title = _MARKUP.sub(r"\\\g<0>", " ".join(source["title"].split()))
    url = re.sub(r"[\s<>]", "", source["url"])
    address = f"<{url}>" if re.match(r"https?://", url) else f"`{url.replace('`', '')}`"
    parts = [title] if title else []
    return ". ".join([*parts, *([address] if url else [])]) or "(no title)"
