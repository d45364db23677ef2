"""Search effectiveness: searches that bring something new."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ...nodes.dialects import Dialect
from ...trace import Trace
from ..transcript import distinct_documents, queries
from .base import Dimension


@dataclass(frozen=True)
class DistinctDocuments:
    """Distinct documents per search must exceed `ratio` of the documents per query.

    The reference asks for more than 9.5 titles a search at 10 a query; as a ratio the rule
    holds for any number. Documents per query are the most that any search of the run
    returned, so a page that the service does not have costs nothing, and a search that
    found nothing counts against the run.
    """

    name: ClassVar[str] = "distinct_documents"
    dimension: ClassVar[Dimension] = "effectiveness"
    source: ClassVar[str] = (
        "SimpleDeepSearcher response_curation.py:381, 413-423 (9.5 of 10)"
    )

    ratio: float = 0.95
    requires_search: bool = True

    def reason(self, trace: Trace, dialect: Dialect) -> str | None:
        per_query = max((len(s.documents) for s in trace.searches), default=0)
        if per_query == 0:
            return "no search found anything" if self.requires_search else None
        distinct = distinct_documents(trace) / len(trace.searches)
        if distinct > self.ratio * per_query:
            return None
        return f"{distinct:.2f} distinct documents a search, not above {self.ratio} of {per_query}"


@dataclass(frozen=True)
class NoRepeatedQuery:
    """No query may repeat an earlier one, case and white space aside."""

    name: ClassVar[str] = "repeated_query"
    dimension: ClassVar[Dimension] = "effectiveness"
    source: ClassVar[str] = "SimpleDeepSearcher inference.py:541, 619-625 (the message)"

    def reason(self, trace: Trace, dialect: Dialect) -> str | None:
        seen: set[str] = set()
        for query in queries(trace, dialect):
            key = " ".join(query.casefold().split())
            if key in seen:
                return f"the query {query!r} was asked before"
            seen.add(key)
        return None
