"""The report's text: what was written in order becomes one article with an outline.

State keeps every draft as it came (a log, so checkpoints do not grow with the square of the
sections); the article is made of them here. Pure functions over text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .code import close_fence, code_lines

_HEADING = re.compile(r"(#{1,6})\s")
_LISTED = re.compile(
    r"^(?:references?|sources?|bibliography|works cited|citations|参考文献|参考资料)\s*:?$",
    re.IGNORECASE,
)
_PREFIX = re.compile(
    r"^(?:section(?: name)?(?: \d+)?|\d{1,2}(?:\.\d{1,2})*)\s*[:.)]\s+", re.IGNORECASE
)

OUTLINE_LEVELS = 4
"""Levels of heading in an outline (scripts/run_web_thinker_report.py, `^#{1,4}`)."""

SECTION_LEVEL = 2
"""Level of a section's heading; what stands inside a section is lower."""

LONGEST_NAME = 200
"""Characters of a title or a section's name that are kept; our own choice."""


@dataclass(frozen=True)
class Section:
    """A section: its name, empty for what stands before the first, and its text."""

    name: str
    text: str

    @property
    def markdown(self) -> str:
        """The section with its heading, its code closed, so that what follows is none."""
        text = close_fence(self.text)
        if not self.name:
            return text
        return f"{'#' * SECTION_LEVEL} {self.name}\n\n{text}".rstrip()


@dataclass(frozen=True)
class Article:
    """The report as it stands."""

    title: str = ""
    sections: tuple[Section, ...] = ()

    @property
    def markdown(self) -> str:
        """The whole text, empty while nothing is written."""
        heading = [f"# {self.title}"] if self.title else []
        return "\n\n".join([*heading, *(section.markdown for section in self.sections)])

    @property
    def outline(self) -> str:
        """The headings, one a line, each line ended."""
        found = (line for line, level in headings(self.markdown) if level)
        return "".join(f"{line}\n" for line in found)

    def with_section(self, section: Section) -> Article:
        """Return the article with a section added; one of the same name is replaced."""
        names = [other.name.casefold() for other in self.sections]
        if section.name.casefold() not in names:
            return Article(self.title, (*self.sections, section))
        place = names.index(section.name.casefold())
        kept = (*self.sections[:place], section, *self.sections[place + 1 :])
        return Article(self.title, kept)


def title_draft(title: str) -> dict[str, Any]:
    """Return the draft that names the report."""
    return {"kind": "title", "title": title, "text": ""}


def section_draft(section: Section) -> dict[str, Any]:
    """Return the draft that adds a section."""
    return {"kind": "section", "title": section.name, "text": section.text}


def article_draft(article: Article) -> dict[str, Any]:
    """Return the draft that replaces all that was written before it."""
    text = Article("", article.sections).markdown
    return {"kind": "article", "title": article.title, "text": text}


def article_of(drafts: Sequence[Mapping[str, Any]]) -> Article:
    r"""Return the article that drafts make.

    >>> drafts = [section_draft(Section("A", "a")), title_draft("T")]
    >>> article_of([*drafts, section_draft(Section("a", "b"))]).markdown
    '# T\n\n## a\n\nb'
    """
    article = Article()
    for draft in drafts:
        if draft["kind"] == "title":
            article = Article(draft["title"], article.sections)
        elif draft["kind"] == "section":
            article = article.with_section(Section(draft["title"], draft["text"]))
        else:
            article = Article(draft["title"], split_sections(draft["text"]))
    return article


def read_article(text: str, title: str = "") -> Article:
    """Return a written article: its first heading of level 1 is its title.

    Args:
        text: markdown.
        title: the title where the text has none.
    """
    lines = []
    found = ""
    for line, level in headings(without_source_list(text), every_line=True):
        if level == 1 and not found:
            found = one_line(line.lstrip("# "))
        else:
            # Another heading of level 1 is one of a section.
            lines.append(f"#{line}" if level == 1 else line)
    return Article(found or title, split_sections("\n".join(lines)))


def read_section(name: str, text: str) -> Section:
    r"""Return a written section.

    The heading that the writer put before it is dropped, and the others are lowered to
    below a section's.

    >>> read_section("Peru", "## Peru\n\nA country.\n\n## Coast\n\nDry.").text
    'A country.\n\n### Coast\n\nDry.'
    """
    lines: list[str] = []
    own = section_name(name)
    for line, level in headings(without_source_list(text), every_line=True):
        said = section_name(line.lstrip("#")) if level else ""
        if said and said.casefold() == own.casefold() and not any(lines):
            continue
        lowest = "#" * (SECTION_LEVEL + 1)
        lowered = level and level <= SECTION_LEVEL
        lines.append(f"{lowest} {line.lstrip('#').strip()}" if lowered else line)
    return Section(own, "\n".join(lines).strip())


def section_name(text: str) -> str:
    """Return a section's name without what writers put before it.

    The original takes `Section Name:` and `Section 3:` out of headings as well.

    >>> section_name("## Section 3: The Coast")
    'The Coast'
    """
    name = one_line(text).strip("#*: ")
    return _PREFIX.sub("", name).strip() or name


def one_line(text: str) -> str:
    """Return a text as one line of bounded length."""
    return " ".join(text.split())[:LONGEST_NAME].strip()


def split_sections(text: str) -> tuple[Section, ...]:
    """Cut an article without its title at the headings of its sections."""
    sections: list[Section] = []
    name, lines = "", []
    for line, level in headings(text, every_line=True):
        if level == SECTION_LEVEL:
            sections.append(Section(name, "\n".join(lines).strip()))
            name, lines = section_name(line.lstrip("#")), []
        else:
            lines.append(line)
    sections.append(Section(name, "\n".join(lines).strip()))
    return tuple(section for section in sections if section.name or section.text)


def is_source_list(name: str) -> bool:
    """Return whether a heading is that of a list of sources."""
    return bool(_LISTED.match(name.lstrip("#").strip(" *:")))


def without_source_list(text: str) -> str:
    r"""Return markdown without a list of sources that a writer made up.

    The one list is made by code, of what was retrieved and is cited.

    >>> without_source_list("Lima.\n\n## References\n\n[1] A book\n\n## Coast")
    'Lima.\n\n## Coast'
    """
    lines: list[str] = []
    inside = 0
    for line, level in headings(text, every_line=True):
        if level and is_source_list(line):
            inside = level
        elif level and inside and level <= inside:
            inside = 0
        if not inside:
            lines.append(line)
    return "\n".join(lines)


def headings(text: str, *, every_line: bool = False) -> Iterator[tuple[str, int]]:
    """Yield (line, level) of each heading; level 0 is any other line.

    Lines inside fenced code are no headings.

    Args:
        text: markdown.
        every_line: whether the other lines are given too.
    """
    for line, is_code in code_lines(text):
        found = None if is_code else _HEADING.match(line)
        level = len(found[1]) if found else 0
        if level <= OUTLINE_LEVELS and (level or every_line):
            yield line, level
        elif every_line:
            yield line, 0


def unfence(reply: str) -> str:
    r"""Return the markdown of a reply that stands in a code fence, which may hold others.

    >>> unfence("Here it is:\n```markdown\n# T\n```\nDone.")
    '# T'
    """
    lines = reply.strip().split("\n")
    opened = [i for i, line in enumerate(lines) if line.strip() in ("```markdown", "```md")]
    if not opened and lines[0].strip() == "```":
        opened = [0]
    if not opened:
        return reply.strip()
    closed = [i for i, line in enumerate(lines) if line.strip() == "```" and i > opened[0]]
    return "\n".join(lines[opened[0] + 1 : closed[-1] if closed else None]).strip()
