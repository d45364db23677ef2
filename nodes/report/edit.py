"""Edit: a call of its own changes the report as the reasoning model asked."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...trace import Document
from ..citation_forms import cited_in
from ..dialects.parts.prompt import fill_in
from ..dialects.parts.report import ReportDialect
from .article import Article, article_draft, article_of, read_article, unfence
from .citations import CitationCheck
from .evidence import show_documents
from .step import Done, Messages, Reply, State, Work, WriterStep
from .title import checked_title
from .write import SHRINKINGS, answer_for, ask_shrinking, documents_for, mark_used

INSTRUCTION = (
    "You edit a report for a researcher who has searched the web.\n\n"
    "**Subject of the report**\n{question}\n\n"
    "**What to change**\n{goal}\n\n"
    "**The report**\n{article}\n\n"
    "**Sources, each with its number**\n{sources}\n\n"
    "Make this change. Leave everything else as it is, the numbers of the sources included: "
    "[1] in the report names the source of that number. Cite what you add in the same way, "
    "and state only what the sources say. Write the whole report, changed and unchanged "
    "parts, in this form:\n\n"
    "```markdown\nthe report\n```\n"
)
"""Our own words; the form of the reply is the original's."""


class Edit(WriterStep):
    """Has the report changed."""

    name = "edit"

    def event(self, state: State) -> dict[str, Any]:
        return {"event": self.name, "goal": state["pending"]["goal"]}

    def work(self, state: State) -> Work:
        dialect = self._components.dialect_for(state["run"])
        article = article_of(state["drafts"])
        if not article.sections:
            return Done(says=dialect.failed_message("there is no section yet to edit"))
        edited = yield from edit_article(state, dialect, article, state["pending"]["goal"])
        if edited is None:
            return Done(says=dialect.failed_message("the report could not be edited"))
        says = answer_for(state, dialect, "The report is edited")
        return Done(edited.update(), says=says, removed=edited.removed)


@dataclass(frozen=True)
class Edited:
    """A changed article, its citations checked, and the sources with those used marked."""

    article: Article
    sources: list[Mapping[str, Any]]
    removed: int

    def update(self) -> dict[str, Any]:
        """Return the state's update."""
        return {"drafts": [article_draft(self.article)], "sources": self.sources}


def edit_article(
    state: State, dialect: ReportDialect, article: Article, goal: str
) -> Generator[Messages, Reply | None, Edited | None]:
    """Ask for a changed article; return it, or None where none came whole.

    Its citations name what the article cited before or what the editor was shown. One torn
    off at the token limit would lose its end, so it is not taken.
    """
    shown = documents_for(state, goal)
    prompts = (_messages(state, dialect, article, shown, goal, part) for part in SHRINKINGS)
    reply = yield from ask_shrinking(prompts)
    if reply is None or not reply.is_whole:
        return None
    check = _check(state, article, shown)
    text = check.clean(dialect.neutralize(unfence(reply.text)))
    edited = read_article(text, article.title)
    if not edited.sections:
        return None
    title = checked_title(edited.title)
    edited = Article(title.text or article.title, edited.sections)
    return Edited(edited, mark_used(state, shown), check.removed + title.removed)


def _check(state: State, article: Article, shown: Sequence[Document]) -> CitationCheck:
    known = {*cited_in(article.markdown), *(document.id for document in shown)}
    sources = [one for one in state["sources"] if one["id"] in known]
    # Addresses of the text were checked when it was written.
    seen = "\n".join([article.markdown, *(document.text for document in shown)])
    return CitationCheck(sources, seen)


def _messages(
    state: State,
    dialect: ReportDialect,
    article: Article,
    shown: Sequence[Document],
    goal: str,
    part: int,
) -> Messages:
    chars = 2 * state["run"]["settings"]["max_doc_chars"] // part
    values = {
        "question": state["run"]["question"],
        "goal": goal,
        "article": article.markdown,
        "sources": show_documents(shown, goal, dialect, chars),
    }
    return [{"role": "user", "content": fill_in(INSTRUCTION, values)}]
