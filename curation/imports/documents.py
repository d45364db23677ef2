"""Ids for the documents of an imported run."""

from __future__ import annotations

from collections.abc import Sequence

from ...nodes.sources import SourceList, to_source
from ...trace import ReadRecord, SearchRecord, Source


def number_sources(
    searches: Sequence[SearchRecord], reads: Sequence[ReadRecord] = ()
) -> list[Source]:
    """Give every document its id, by turn in order of first appearance; return the sources.

    All count as used: these systems' models read the documents themselves. When they
    were retrieved is not known.
    """
    sources = SourceList()
    for record in sorted([*searches, *reads], key=lambda record: record.turn):
        if isinstance(record, SearchRecord):
            record.documents = sources.add(record.documents)
        elif record.document is not None:
            (record.document,) = sources.add([record.document])
    entries = sources.mark_used(set())
    return [to_source({**e, "retrieved_at": "", "used": True}) for e in entries]
