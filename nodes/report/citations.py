"""Citations: every one is checked by code against what was retrieved.

A writer cites a source by its id, `[3]`. One that names nothing it was shown is taken out
and counted; so are links to pages that were not retrieved, and pictures. In the finished
report the numbers run in order of first use.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ...tools.safety import normalize_url

_CODE = re.compile(r"(```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)|`[^`\n]*`)", re.DOTALL)
_IMAGE = re.compile(r"!\[([^\]]*)\]\([^)\s]*(?:\s[^)]*)?\)")
_NUMBERED_LINK = re.compile(r"\[\^?(\d{1,3})\]\((?:[^()\s]|\([^()\s]*\))*(?:\s[^)]*)?\)")
_LINK = re.compile(r"\[([^\[\]]*)\]\(<?((?:[^()\s<>]|\([^()\s]*\))*)>?(?:\s[^)]*)?\)")
_ADDRESS = re.compile(
    r"(?<![ \t])[ \t]*<?\b(https?://[^\s<>\"'`\\{}|\[\]]+)>?", re.IGNORECASE
)
_DEFINITION = re.compile(r"^[ \t]*\[\^?\d{1,3}\]:.*(?:\n|$)", re.MULTILINE)
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
        text = _DEFINITION.sub("", text)
        text = _IMAGE.sub(self._image, text)
        text = _NUMBERED_LINK.sub(r"[\1]", text)
        text = _LINK.sub(self._link, text)
        text = _ADDRESS.sub(self._address, text)
        text = _CITATION.sub(self._citation, text)
        return _REPEATED.sub(r"\1", text)

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
    return re.sub(r"\[(\^?\d{1,3}(?:\s*[,;–-]\s*\d{1,3})*)\]", r"(\1)", text)


def outside_code(text: str, change: Callable[[str], str]) -> str:
    """Return the text with everything changed that is no code."""
    parts = _CODE.split(text)
    return "".join(part if place % 2 else change(part) for place, part in enumerate(parts))


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
