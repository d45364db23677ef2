"""Malformed control markers in what the model wrote."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import ClassVar

from ...nodes.dialects import Dialect
from ...trace import Trace
from ..transcript import model_text
from .base import Dimension

_SPECIAL = re.compile(r"<\|(.+)\|>")
_ELEMENT = re.compile(r"<(/?)([A-Za-z_][\w-]*)>")


@dataclass(frozen=True)
class WellFormedMarkers:
    """A marker's name must stand in its exact brackets.

    The reference looks at the whole output; here only at the model's text, since a page
    may well speak of such markers (they are broken on purpose before the model sees them).
    """

    name: ClassVar[str] = "markers"
    dimension: ClassVar[Dimension] = "format"
    source: ClassVar[str] = "SimpleDeepSearcher response_curation.py:47-75"

    def reason(self, trace: Trace, dialect: Dialect) -> str | None:
        text = model_text(trace)
        for tag, loose in _loose_patterns(dialect):
            for match in loose.finditer(text):
                if not _is_exact(text, match, tag):
                    return f"malformed marker near {match[0]!r}; expected {tag}"
        return None


@cache
def _loose_patterns(dialect: Dialect) -> tuple[tuple[str, re.Pattern[str]], ...]:
    patterns = []
    for tag in dialect.tags:
        if special := _SPECIAL.fullmatch(tag):
            patterns.append((tag, re.compile(re.escape(special[1]), re.IGNORECASE)))
        elif element := _ELEMENT.fullmatch(tag):
            slash, name = element.groups()
            loose = rf"<\s*{slash}\s*{name}\b\s*>?"
            patterns.append((tag, re.compile(loose, re.IGNORECASE)))
    return tuple(patterns)


def _is_exact(text: str, match: re.Match[str], tag: str) -> bool:
    start = match.start() - max(tag.lower().find(match[0].lower()), 0)
    return text.startswith(tag, max(start, 0))
