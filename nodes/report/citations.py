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

from ...tools.safety import normalize_url
from ..citation_forms import change_citations, plain_citations, without_repeats
from .code import outside_code, outside_fences
from .gaps import GAP, SEAM, close_gaps, without_marks
from .html_tags import drop_loading

_LINK = re.compile(
    r"(!?)\[((?:[^\[\]]|\[[^\[\]]*\](?!\())*+)\]"
    r"\(\s{0,9}(?:<([^<>\n]{0,2000})>|((?:[^()\s<>]|\([^()\s]*\))*))(?:\s[^)]{0,1000})?\)"
)
"""A link or a picture: `!` or nothing, the label, the address in angles or without. Of a link
in a link's label the inner one is a link."""
_NUMBER = re.compile(r"\[?\^?(\d{1,3})\]?")
_ADDRESS = re.compile(
    r"(?<![ \t])([ \t]*)<?\b(https?://[^\s<>\"'`\\{}|\[\]。，、；！？（）「」『』“”\ue000\ue001]+)>?",
    re.IGNORECASE,
)
_DEFINITION = re.compile(
    r"^[ \t]*\[(?:\^?\d{1,3}\]:|[^\[\]\n]{1,200}\]:[ \t]*<?(?:[a-z]{1,9}:)?//).*(?:\n|$)",
    re.MULTILINE | re.IGNORECASE,
)
"""The address of a footnote, or of what is linked by a name."""
_AFTER = ".,;:!?*_"
"""What may follow an address in a sentence and is no part of it; a closing parenthesis is
none either, unless the address opened it."""

MOST_PASSES = 30
"""Taking out may bring together what is to be taken out as well (`<im<img>g …>`), so a text
is checked until nothing changes; one nested deeper than this loses its brackets."""


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
        urls = {normalize_url(s["url"]): str(s["id"]) for s in sources if s["url"]}
        self._by_url = urls
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
        for _ in range(MOST_PASSES):
            cleaned = self._pass(text)
            if cleaned == text:
                return text
            text = cleaned
        return self._pass(outside_code(text, _without_brackets))

    def _pass(self, text: str) -> str:
        text = outside_code(text, lambda part: plain_citations(without_marks(part)))
        text = outside_fences(text, lambda block: _DEFINITION.sub("", block))
        return outside_code(text, self._clean)

    def _clean(self, text: str) -> str:
        text = drop_loading(text, self._count)
        text = self._without_links(text)
        text = _ADDRESS.sub(self._address, text)
        text = change_citations(text, self._citation)
        return close_gaps(without_repeats(text))

    def _count(self) -> None:
        self.removed += 1

    def _without_links(self, text: str) -> str:
        for _ in range(MOST_PASSES):  # from the inner to the outer
            text, count = _LINK.subn(self._link, text)
            if not count:
                break
        return text

    def _link(self, found: re.Match[str]) -> str:
        is_picture, label, url = bool(found[1]), found[2], found[3] or found[4] or ""
        number = _NUMBER.fullmatch(label)
        if number and not is_picture:
            return f"[{number[1]}]"  # checked as what it is, a citation
        known = None if is_picture else self._by_url.get(normalize_url(url))
        if known is not None:
            return f"{label} [{known}]".strip()
        self.removed += 1
        return f"{label}{SEAM}"

    def _address(self, found: re.Match[str]) -> str:
        space, whole = found[1], found[2]
        address = _without_ending(whole)
        rest = whole[len(address) :]
        known = self._by_url.get(normalize_url(address))
        if known is not None:
            before = found.string[found.start() - 1] if found.start() else "\n"
            space = space if before in "\n([" else " "
            return f"{space}[{known}]{rest}"
        if address in self._seen_text:
            return found[0]
        self.removed += 1
        return f"{GAP}{rest}"

    def _citation(self, space: str, named: list[str]) -> str:
        kept = [number for number in named if number in self._ids]
        self.removed += len(named) - len(kept)
        return f"{space}{''.join(f'[{number}]' for number in kept)}" if kept else GAP


def _without_ending(run: str) -> str:
    """Return an address without the sentence's marks behind it.

    >>> _without_ending("http://w.test/Lima_(city).)")
    'http://w.test/Lima_(city)'
    """
    unopened = run.count(")") - run.count("(")
    end = len(run)
    while end and (run[end - 1] in _AFTER or (run[end - 1] == ")" and unopened > 0)):
        end -= 1
        unopened -= run[end] == ")"
    return run[:end]


def _without_brackets(text: str) -> str:
    return text.replace("<", "&lt;").replace("[", "(").replace("]", ")")


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
    title = re.sub(r"([\\`*_\[\]<>#|!])", r"\\\1", " ".join(source["title"].split()))
    url = re.sub(r"[\s<>]", "", source["url"])
    address = f"<{url}>" if re.match(r"https?://", url) else f"`{url.replace('`', '')}`"
    parts = [title] if title else []
    return ". ".join([*parts, *([address] if url else [])]) or "(no title)"
