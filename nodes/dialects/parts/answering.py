"""Which dialects a run that is to answer a question can speak."""

from __future__ import annotations

from ....errors import DeepSearchError
from ..base import Dialect

USES = {
    "recorded": "is for imported traces alone, no run speaks it",
    "reports": "answers no questions, it is for `deepsearch report`",
}
"""What a dialect is for that answers no question, said of it."""


class NoAnswerDialectError(DeepSearchError):
    """The dialect's model answers no question."""

    def __init__(self, name: str, use: str) -> None:
        super().__init__(
            f"dialect {name!r} {USES[use]}: name another `dialect` (DEEPSEARCH_DIALECT); "
            "`deepsearch dialects` lists them"
        )


def as_answering_dialect(dialect: Dialect) -> Dialect:
    """Return the dialect as one that answers questions.

    Raises:
        NoAnswerDialectError: it is none.
    """
    if dialect.use != "answers":
        raise NoAnswerDialectError(dialect.name, dialect.use)
    return dialect
