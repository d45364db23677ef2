"""Queries about something that neither the question nor a result has mentioned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ...nodes.condensers.extractive import content_words
from ...nodes.dialects import Dialect
from ...trace import Trace
from .base import Dimension


@dataclass(frozen=True)
class GroundedQuery:
    """Every query must be about what the question or an earlier result names.

    A query out of nowhere is a wasted search, and its words cannot be learned: nothing
    before them tells which they will be.
    """

    ratio: float = 0.5
    """More than this share of a query's content words must have been seen before."""

    name: ClassVar[str] = "grounded_query"
    dimension: ClassVar[Dimension] = "effectiveness"
    source: ClassVar[str] = "arXiv 2505.16834, response curation: search effectiveness"

    def reason(self, trace: Trace, dialect: Dialect) -> str | None:
        known = content_words(trace.question)
        reads = sorted(trace.reads, key=lambda record: record.turn)
        for record in trace.searches:
            while reads and reads[0].turn < record.turn:
                page = reads.pop(0).document
                known |= content_words(f"{page.title} {page.text}") if page else set()
            words = content_words(record.query)
            if words and len(words & known) <= self.ratio * len(words):
                return f"the query {record.query!r} is about nothing seen before it"
            for document in record.documents:
                known |= content_words(f"{document.title} {document.text}")
        return None
