"""Polish: the finished report is gone over once for its structure."""

from __future__ import annotations

from .article import article_of
from .edit import edit_article
from .step import Done, State, Work, WriterStep

GOAL = (
    "The report was written section by section. Put its structure in order: say twice "
    "nothing that was said before, put sections in their natural order, mend headings. Leave "
    "out no statement, table or number. If nothing is wrong, write it as it is."
)
"""Our own words; what the original asks of its last call."""

KEPT_SHARE = 0.5
"""Share of its length that a report must keep: one that lost more was cut short, not put in
order. Our own choice."""


class Polish(WriterStep):
    """Has the whole report put in order; one of a single section has no order."""

    name = "polish"

    def work(self, state: State) -> Work:
        article = article_of(state["drafts"])
        if len(article.sections) < 2:
            return Done()
        dialect = self._components.dialect_for(state["run"])
        edited = yield from edit_article(state, dialect, article, GOAL)
        if edited is None:
            return Done()
        if len(edited.article.markdown) < KEPT_SHARE * len(article.markdown):
            return Done()
        return Done(edited.update(), removed=edited.removed)
