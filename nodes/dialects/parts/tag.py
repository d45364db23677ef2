"""A pair of tags around a query, a result or an answer."""

from __future__ import annotations

from dataclasses import dataclass

MIN_TORN = 2
"""Characters of a closing tag that must stand at a text's end to count as torn off."""


@dataclass(frozen=True)
class Tag:
    """An opening and a closing tag, exact bytes."""

    open: str
    close: str

    def wrap(self, text: str) -> str:
        """Return the text between the tags."""
        return f"{self.open}{text}{self.close}"

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Return (start, end), tags included, of every closed pair, in order.

        Where a tag is opened again before it is closed, the last opening counts.
        """
        found, position = [], 0
        while (close := text.find(self.close, position)) >= 0:
            start = text.rfind(self.open, position, close)
            end = close + len(self.close)
            if start >= 0:
                found.append((start, end))
            position = end
        return found

    def inside(self, text: str, span: tuple[int, int]) -> str:
        """Return what stands between the tags of a span."""
        end = span[1]
        close = text.rfind(self.close, span[0], end)
        return text[span[0] + len(self.open) : end if close < 0 else close]

    def opened(self, text: str) -> int | None:
        """Return where the tag was last opened and not closed after, None if nowhere."""
        start = text.rfind(self.open)
        return start if start >= 0 and text.find(self.close, start) < 0 else None

    def mend(self, text: str) -> str:
        """Complete a closing tag that was torn off at the text's end.

        Some servers swallow the end of a stop string, and models stop inside one.

        >>> Tag("<a>", "</a>").mend("so <a>x</")
        'so <a>x</a>'
        """
        body = text.rstrip()
        if self.opened(body) is None:
            return text
        for length in range(len(self.close) - 1, MIN_TORN - 1, -1):
            if body.endswith(self.close[:length]):
                return body[:-length] + self.close
        return text


def mend_last(text: str, *tags: Tag) -> str:
    """Complete a closing tag that was torn off at the text's end, of the tag opened last.

    >>> mend_last("so <a>x</", Tag("<a>", "</a>"), Tag("<b>", "</b>"))
    'so <a>x</a>'
    """
    opened = [(start, tag) for tag in tags if (start := tag.opened(text)) is not None]
    return max(opened, key=lambda pair: pair[0])[1].mend(text) if opened else text
