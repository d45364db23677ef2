"""Write: a call of its own writes the section that the reasoning model asked for."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...trace import Document, segments_text
from ..citation_forms import hide_citations
from ..condensers.reason_in_documents import shorten_reasoning
from ..dialects.parts.prompt import fill_in
from ..dialects.parts.report import ReportDialect
from ..sources import SourceList
from .article import (
    Article,
    Section,
    article_of,
    is_source_list,
    read_section,
    section_draft,
    unfence,
)
from .citations import CitationCheck
from .evidence import best_documents, found_documents, show_documents
from .step import Done, Messages, Reply, State, Work, WriterStep

INSTRUCTION = (
    "You write one section of a report for a researcher who has searched the web.\n\n"
    "**Subject of the report**\n{question}\n\n"
    "**Section to write**\n{title}\n\n"
    "**What it is to say**\n{goal}\n\n"
    "**Outline of what is written already**\n{outline}\n\n"
    "**The researcher's notes**\n{notes}\n\n"
    "**Sources, each with its number**\n{sources}\n\n"
    "Write this section in full, in markdown, in the language of the subject. Use tables "
    "where they tell more than sentences, and headings from ### down for its parts. State "
    "only what the notes and the sources say. After each statement put the number of the "
    "source that it rests on, like this: [1] or [1][2]; use no other numbers than those "
    "above. Write no heading for the section and no list of sources.\n"
)
"""Our own words."""

NOTHING_YET = "(nothing yet)"

SHRINKINGS = (1, 2, 4, 8)
"""By what the text shown is divided, one after the other, where it does not fit into the
writer's context; our own choice."""

NOTES_SHARE = 4
"""How many times longer than a document the notes may be; our own choice."""


class Write(WriterStep):
    """Has one section written."""

    name = "write"

    def event(self, state: State) -> dict[str, Any]:
        return {"event": self.name, "title": state["pending"]["title"]}

    def work(self, state: State) -> Work:
        pending = state["pending"]
        dialect = self._components.dialect_for(state["run"])
        if is_source_list(pending["title"]):
            return Done(says=dialect.failed_message("the sources are listed by themselves"))
        draft = yield from write_section(state, dialect, pending["title"], pending["goal"])
        if draft is None:
            return Done(says=dialect.failed_message("the section could not be written"))
        update = {"drafts": [section_draft(draft.section)], "sources": draft.sources}
        done = f"The section {draft.section.name!r} is written"
        return Done(update, says=answer_for(state, dialect, done), removed=draft.removed)


@dataclass(frozen=True)
class Written:
    """A section, its citations checked, and what it changes of the run's sources."""

    section: Section
    sources: list[Mapping[str, Any]]
    removed: int


def write_section(
    state: State, dialect: ReportDialect, title: str, goal: str
) -> Generator[Messages, Reply | None, Written | None]:
    """Ask for a section; return it, or None where the writer gave none.

    Its citations name documents that the writer was shown, since it can have read no other.
    """
    shown = documents_for(state, f"{title} {goal}")
    article = article_of(state["drafts"])
    values = {"title": title, "goal": goal or title}
    prompts = (
        _messages(state, dialect, article, shown, values, part) for part in SHRINKINGS
    )
    reply = yield from ask_shrinking(prompts)
    if reply is None:
        return None
    said = reply.text if reply.is_whole else whole_sentences(reply.text)
    written = read_section(dialect.neutralize(title), dialect.neutralize(unfence(said)))
    check = citation_check(shown)
    text = check.clean(written.text)
    if not text:
        return None
    sources = mark_used(state, shown)
    return Written(Section(written.name, text), sources, check.removed)


def ask_shrinking(
    prompts: Iterable[Messages],
) -> Generator[Messages, Reply | None, Reply | None]:
    """Ask with shorter and shorter messages until they fit; return the reply or None."""
    reply: Reply | None = None
    for messages in prompts:
        reply = yield messages
        if reply is not None:
            break
    return reply if reply is not None and reply.text else None


def whole_sentences(text: str) -> str:
    """Return a text that was torn off up to its last whole sentence or line.

    >>> whole_sentences("Lima is large. It lies")
    'Lima is large.'
    """
    end = max(text.rfind("\n"), *(text.rfind(mark) + len(mark) for mark in (". ", "。")))
    return text[:end].rstrip() if end > len("。") else text


def documents_for(state: State, query: str) -> list[Document]:
    """Return the documents that the writer is shown for something to be written."""
    count = state["run"]["settings"]["writer_documents"]
    return best_documents(query, found_documents(state), count)


def citation_check(shown: Sequence[Document]) -> CitationCheck:
    """Return the check of a text whose writer was shown these documents."""
    sources = [{"id": document.id, "url": document.url} for document in shown]
    return CitationCheck(sources, "\n".join(document.text for document in shown))


def mark_used(state: State, shown: Sequence[Document]) -> list[Mapping[str, Any]]:
    """Return the sources that are used now for the first time: shown to the writer."""
    return SourceList(state["sources"]).mark_used({document.id for document in shown})


def answer_for(state: State, dialect: ReportDialect, what: str) -> str:
    """Return what the reasoning model is told: nothing, where it goes on by itself."""
    is_chat = state["run"]["exactness"] == "message"
    return dialect.done_message(what) if is_chat else ""


def _messages(
    state: State,
    dialect: ReportDialect,
    article: Article,
    shown: Sequence[Document],
    values: Mapping[str, str],
    part: int,
) -> Messages:
    chars = 2 * state["run"]["settings"]["max_doc_chars"] // part
    written = [s for s in state["segments"] if s["kind"] != "prompt"]
    notes = hide_citations(shorten_reasoning(segments_text(written), dialect.tags))
    query = f"{values['title']} {values['goal']}"
    content = fill_in(
        INSTRUCTION,
        {
            **values,
            "question": state["run"]["question"],
            "outline": article.outline.strip() or NOTHING_YET,
            "notes": notes[-NOTES_SHARE * chars :],
            "sources": show_documents(shown, query, dialect, chars),
        },
    )
    return [{"role": "user", "content": content}]
