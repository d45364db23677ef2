"""Queries that ask almost the same as an earlier one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ...nodes.condensers.extractive import STOP_WORDS
from ...nodes.dialects import Dialect
from ...tools.stemming import terms
from ...trace import Trace
from ..transcript import queries
from .base import Dimension


@dataclass(frozen=True)
class QueryNovelty:
    """A query shares at most `similarity` of its words with each earlier one.

    Compared are the sets of words of both (Jaccard), without the commonest words, plural
    endings and accents: the same words in another order are no new query. What stands in
    double quotes counts like the rest.
    """

    name: ClassVar[str] = "query_novelty"
    dimension: ClassVar[Dimension] = "effectiveness"
    source: ClassVar[str] = (
        "arXiv 2505.16834, section 2.3 (more diverse search content); O2-Searcher's reward "
        "for the diversity of queries; measure and limit ours"
    )

    similarity: float = 0.85
    """Of real rollouts of R1-Searcher's models it removes 18 of 500 (Qwen-7B) and 131 of
    500 (Llama-8B, which often asks the same again)."""

    def reason(self, trace: Trace, dialect: Dialect) -> str | None:
        earlier: list[tuple[str, frozenset[str]]] = []
        for query in queries(trace, dialect):
            words = _words(query)
            for other, known in earlier:
                shared = len(words & known)
                if shared > self.similarity * (len(words) + len(known) - shared):
                    return f"the query {query!r} says no more than {other!r}"
            earlier.append((query, words))
        return None


def _words(query: str) -> frozenset[str]:
    found = terms(query)
    # A query of common words alone keeps them: it must equal itself, not everything.
    return frozenset(word for word in found if word not in STOP_WORDS) or frozenset(found)
