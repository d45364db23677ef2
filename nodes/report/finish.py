"""Finish: from what was written to the report, its citations checked and numbered.

Whatever ended the run, there is a report of what there is: where nothing was written yet
but something was found, the writer writes it up in one section.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import AIMessage

from ...state import join_sources
from .article import Article, article_of, section_draft
from .citations import CitationCheck, number_sources, source_list
from .code import close_fence
from .evidence import found_documents
from .step import Done, State, Work, WriterStep
from .title import title_from
from .write import write_section

SOURCES_HEADING = "## Sources"

FINDINGS = "Findings"
"""Name of the one section of a report that was ended before any was written."""


class Finish(WriterStep):
    """Last step of a run."""

    name = "generate"

    def work(self, state: State) -> Work:
        dialect = self._components.dialect_for(state["run"])
        article, sources = article_of(state["drafts"]), state["sources"]
        drafts: list[dict[str, Any]] = []
        removed = 0
        if not article.sections and _may_write(state):
            goal = state["run"]["question"]
            written = yield from write_section(state, dialect, FINDINGS, goal)
            if written is not None:
                article = article.with_section(written.section)
                drafts = [section_draft(written.section)]
                sources = join_sources(sources, [written.sources])
                removed = written.removed
        title = article.title or title_from(state["run"]["question"], dialect)
        report = Report(Article(title, article.sections), sources, _seen_text(state))
        removed += report.removed
        update = {**report.update(), "stop_reason": _stop_reason(state)}
        if drafts:
            update["drafts"] = drafts
        total = state["counts"].get("invalid_citations", 0) + removed
        return Done({**update, "removed_citations": total}, removed=removed)


class Report:
    """The report's text with its list of sources, and the sources with their numbers."""

    def __init__(
        self, article: Article, sources: Sequence[Mapping[str, Any]], seen_text: str
    ) -> None:
        check = CitationCheck(sources, seen_text)
        text = check.clean(Article("", article.sections).markdown)
        body, numbers = number_sources(text)
        body = close_fence(body)  # else it would take in the list of sources
        self.removed = check.removed
        self.sources = [
            {**one, "number": numbers.get(one["id"], 0), "cited": one["id"] in numbers}
            for one in sources
        ]
        listed = source_list(self.sources)
        ending = [f"{SOURCES_HEADING}\n\n{listed}"] if listed else []
        parts = [f"# {article.title}", body, *ending]
        self.text = "\n\n".join(parts) + "\n" if body else ""

    def update(self) -> dict[str, Any]:
        """Return the state's update."""
        cited = [one for one in self.sources if one["cited"]]
        shown = sorted(cited, key=lambda one: one["number"])
        message = AIMessage(self.text, additional_kwargs={"sources": shown})
        return {
            "report": self.text,
            "answer": self.text,
            "sources": self.sources,
            "messages": [message],
        }


def _may_write(state: State) -> bool:
    return state["run"]["limits"]["force_answer"] and bool(found_documents(state))


def _seen_text(state: State) -> str:
    # What a section was checked against when it was written stays known.
    written = (draft["text"] for draft in state["drafts"])
    return "\n".join([*written, *(document.text for document in found_documents(state))])


def _stop_reason(state: State) -> str:
    pending = state["pending"]
    return "answered" if pending["kind"] == "answer" else pending["reason"]
