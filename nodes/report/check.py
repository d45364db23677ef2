"""Check: the reasoning model is shown the report's outline.

At the first check the report gets its title, as in the original; its heading then stands
before the others with an empty line between.
"""

from __future__ import annotations

from collections.abc import Generator

from ..dialects.parts.prompt import fill_in
from ..dialects.parts.report import ReportDialect
from .article import Article, article_of, one_line, title_draft
from .step import Done, Messages, Reply, State, Work, WriterStep
from .title import checked_title, title_from

INSTRUCTION = (
    "Give the report below a title.\n\n"
    "**Its subject**\n{question}\n\n"
    "**Its outline**\n{outline}\n\n"
    "Write the title and nothing else, in the language of the subject.\n"
)
"""Our own words."""


class Check(WriterStep):
    """Shows the outline."""

    name = "check"

    def work(self, state: State) -> Work:
        dialect = self._components.dialect_for(state["run"])
        article = article_of(state["drafts"])
        if article.title:
            outline = dialect.wrap_outline(article.outline)
            return Done(says=outline, says_kind="result")
        said = yield from _ask_title(state, dialect, article)
        checked = checked_title(said)
        title = checked.text or title_from(state["run"]["question"], dialect)
        outline = dialect.wrap_outline(f"# {title}\n\n{article.outline}")
        update = {"drafts": [title_draft(title)]}
        return Done(update, says=outline, says_kind="result", removed=checked.removed)


def _ask_title(
    state: State, dialect: ReportDialect, article: Article
) -> Generator[Messages, Reply | None, str]:
    question = state["run"]["question"]
    values = {"question": question, "outline": article.outline.strip() or "(empty)"}
    reply = yield [{"role": "user", "content": fill_in(INSTRUCTION, values)}]
    said = dialect.neutralize(reply.text) if reply else ""
    return one_line(said).strip("#*\"' ")
