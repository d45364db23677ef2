"""Citations: every one is checked by code against what was retrieved.

A writer cites a source by its id, `[3]`; what else writers make of that (`[Source 3]`, `【3】`,
`[ 3 ]`, `[3, p. 5]`) is read as it. One that names nothing it was shown is taken out and
counted; so are links to pages that were not retrieved, pictures, and HTML that links or loads
something. In the finished report the numbers run in order of first use.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ...tools.safety import normalize_url
from .code import outside_code

_NUMBER = (
    r"(?:(?:sources?|refs?|references?|docs?|documents?|citations?)\b[ .:#]{0,3})?"
    r"\^?\d{1,3}"
)
_BETWEEN = r"[ \t]{0,3}(?:[,;–-]|,?[ ](?:and\b|&))[ \t]{0,3}"
_PLACE = (
    r"(?:[ \t]{0,3}[,;:][ \t]{0,3}(?:(?:pp?|secs?|ch|figs?)\.|(?:pages?|sections?|chapters?|lines?|"
    r"figures?|tables?)\b)|[ \t]{0,3}[§†])[^\[\]【】［］\n]{0,40}"
)
_WRITTEN = re.compile(
    rf"\\?[\[【［][ \t]{{0,3}}({_NUMBER}(?:{_BETWEEN}{_NUMBER}){{0,60}})"
    rf"(?:{_PLACE})?[ \t]{{0,3}}\\?[\]】］]",
    re.IGNORECASE,
)
"""A citation in any form that writers use."""
_AND = re.compile(r",?[ \t]*(?:\band\b|&)", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]+[ .:#]*")
_HTML = re.compile(
    r"<(?:/?(?:img|image|picture|source|video|audio|iframe|embed|object|svg|script|link)\b|/a\b|"
    r"a(?=\s[^<>]{0,300}href))(?:[^<>]*>)?",
    re.IGNORECASE,
)
"""A tag that links or loads; one without an end too, which a browser would find one for."""
_IMAGE = re.compile(r"!\[([^\]]{0,500})\]\([^)\s]*(?:\s[^)]*)?\)")
_NUMBERED_LINK = re.compile(r"\[\^?(\d{1,3})\]\((?:[^()\s]|\([^()\s]*\))*(?:\s[^)]*)?\)")
_LINK = re.compile(r"\[([^\[\]]*)\]\(<?((?:[^()\s<>]|\([^()\s]*\))*)>?(?:\s[^)]*)?\)")
_ADDRESS = re.compile(
    r"(?<![ \t])[ \t]*<?\b(https?://[^\s<>\"'`\\{}|\[\]]+)>?", re.IGNORECASE
)
_DEFINITION = re.compile(
    r"^[ \t]*\[(?:\^?\d{1,3}\]:|[^\[\]\n]{1,200}\]:[ \t]*<?(?:[a-z]{1,9}:)?//).*(?:\n|$)",
    re.MULTILINE | re.IGNORECASE,
)
"""The address of a footnote, or of what is linked by a name."""
_CITATION = re.compile(
    r"(?<![ \t])([ \t]*)((?:\[\^?\d{1,3}(?:\s*[,;–-]\s*\^?\d{1,3})*\])+)"
)
"""The space before, and a row of citations: `[1]`, `[1, 2]`, `[2-5]`, `[^1]`, `[1][2]`."""
_REPEATED = re.compile(r"(\[\d{1,3}\])(?:[ \t]*\1)+")
_AFTER = ".,;:!?)*_"
"""What may follow an address in a sentence and is no part of it."""

LONGEST_RANGE = 20
"""Sources that a citation like `[2-5]` may name; a longer one is taken for no range."""


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

        >>> check = CitationCheck([{"id": "1", "url": "http://w.test/peru"}])
        >>> check.clean("Lima [1, 9]. See [Peru](http://w.test/peru) or http://e.test.")
        'Lima [1]. See Peru [1] or.'
        >>> check.removed
        2
        """
        return outside_code(text, self._clean)

    def _clean(self, text: str) -> str:
        text = _DEFINITION.sub("", plain_citations(text))
        text = _HTML.sub(self._html, text)
        text = _IMAGE.sub(self._image, text)
        text = _NUMBERED_LINK.sub(r"[\1]", text)
        text = _LINK.sub(self._link, text)
        text = _ADDRESS.sub(self._address, text)
        text = _CITATION.sub(self._citation, text)
        return _REPEATED.sub(r"\1", text)

    def _html(self, found: re.Match[str]) -> str:
        self.removed += not found[0].startswith("</")
        return ""

    def _image(self, found: re.Match[str]) -> str:
        self.removed += 1
        return found[1]

    def _link(self, found: re.Match[str]) -> str:
        label, url = found[1], found[2]
        known = self._by_url.get(normalize_url(url))
        if known is not None:
            return f"{label} [{known}]".strip()
        self.removed += 1
        return label

    def _address(self, found: re.Match[str]) -> str:
        whole = found[1]
        address = whole.rstrip(_AFTER)
        rest = whole[len(address) :]
        known = self._by_url.get(normalize_url(address))
        if known is not None:
            return f" [{known}]{rest}"
        if address in self._seen_text:
            return found[0]
        self.removed += 1
        return rest

    def _citation(self, found: re.Match[str]) -> str:
        named = cited_ids(found[2])
        kept = [number for number in named if number in self._ids]
        self.removed += len(named) - len(kept)
        return f"{found[1]}{''.join(f'[{number}]' for number in kept)}" if kept else ""


def plain_citations(text: str) -> str:
    """Return the text with every citation in the one form that the check reads.

    >>> plain_citations("A [Source 3], 【4†a】, [ 5 ] and [Sources 6 and 7, p. 3] in [1999].")
    'A [3], [4], [5] and [6, 7] in [1999].'
    """
    return _WRITTEN.sub(lambda found: f"[{_WORD.sub('', _AND.sub(',', found[1]))}]", text)


def cited_ids(row: str) -> list[str]:
    """Return the ids that a row of citations names, each once.

    >>> cited_ids("[1, 3-5][1]")
    ['1', '3', '4', '5']
    """
    ids: dict[str, None] = {}
    for part in filter(None, re.split(r"[,;\[\]^]+", row)):
        numbers = [int(number) for number in re.findall(r"\d+", part)]
        first, last = numbers[0], numbers[-1]
        whole = len(numbers) == 2 and first <= last < first + LONGEST_RANGE
        named = range(first, last + 1) if whole else numbers
        ids.update(dict.fromkeys(map(str, named)))
    return list(ids)


def cited_in(text: str) -> set[str]:
    """Return the ids that a text cites."""
    return {one for found in _CITATION.finditer(text) for one in cited_ids(found[2])}


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

    def renumber(found: re.Match[str]) -> str:
        named = [numbers.setdefault(i, len(numbers) + 1) for i in cited_ids(found[2])]
        return f"{found[1]}{''.join(f'[{number}]' for number in named)}"

    return outside_code(text, lambda part: _CITATION.sub(renumber, part)), numbers


def hide_citations(text: str) -> str:
    """Return text from outside without what a writer could take for our citations.

    A page's own footnotes are numbered as ours are.

    >>> hide_citations("Lima [3] is large [4, 5].")
    'Lima (3) is large (4, 5).'
    """
    plain = plain_citations(text)
    return re.sub(r"\[(\^?\d{1,3}(?:\s*[,;–-]\s*\d{1,3})*)\]", r"(\1)", plain)


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
