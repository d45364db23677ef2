"""A role's reply: lines that begin with a label, read whatever stands around them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from ..condensers.asking import without_thought


def read_labels(reply: str, labels: Sequence[str]) -> dict[str, list[str]]:
    r"""Return what stands after each label; further lines belong to the last label.

    Case, list marks and bold type around a label do not matter; a label without any text
    after it is left out.

    >>> said = "**Thought:** I look\nfor it.\n- Search: Peru\n2. search: Chile\nAnswer:"
    >>> read_labels(said, ("Thought", "Search", "Answer"))
    {'Thought': ['I look for it.'], 'Search': ['Peru', 'Chile'], 'Answer': []}
    """
    pattern = _pattern(tuple(labels))
    names = {label.lower(): label for label in labels}
    found: dict[str, list[str]] = {label: [] for label in labels}
    current: list[str] | None = None
    for line in without_thought(reply).splitlines():
        match = pattern.match(line)
        if match:
            current = found[names[match[1].lower()]]
            current.append(match[2])
        elif current is not None:
            current[-1] = f"{current[-1]} {line}"
    kept = {
        name: [" ".join(text.split()) for text in texts] for name, texts in found.items()
    }
    return {name: [text for text in texts if text] for name, texts in kept.items()}


@lru_cache(maxsize=8)
def _pattern(labels: tuple[str, ...]) -> re.Pattern[str]:
    names = "|".join(map(re.escape, labels))
    return re.compile(rf"[\s>*#\-•\d.)]*({names})\s*\**\s*:\s*\**\s*(.*)$", re.IGNORECASE)


def first(texts: Sequence[str]) -> str:
    """Return the first text, empty without any."""
    return texts[0] if texts else ""
