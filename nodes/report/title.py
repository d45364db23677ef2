"""The report's title: wherever it comes from, it cites nothing and links to nothing."""

from __future__ import annotations

from dataclasses import dataclass

from ..citation_forms import hide_citations
from ..dialects.parts.report import ReportDialect
from .article import one_line
from .citations import CitationCheck


@dataclass(frozen=True)
class Title:
    """A title, empty where nothing is left of it, and how much was taken out of it."""

    text: str
    removed: int


def checked_title(said: str, seen_text: str = "") -> Title:
    """Return a title of what was said.

    Args:
        said: by a writer.
        seen_text: where an address stands that may stay.

    >>> checked_title("Peru [7]")
    Title(text='Peru', removed=1)
    """
    check = CitationCheck((), seen_text)
    # As the heading that it becomes: three backticks open code only at the start of a line.
    heading = check.clean(f"# {one_line(said)}")
    return Title(heading.strip("# "), check.removed)


def title_from(question: str, dialect: ReportDialect) -> str:
    """Return the title of a report that was given none."""
    asked = hide_citations(one_line(dialect.neutralize(question)).strip("#* "))
    return checked_title(asked, seen_text=asked).text
