"""What the writer is shown: the best of all documents found, each with its source id."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from ...tools.bm25 import BM25_B, BM25_K1, TITLE_WEIGHT
from ...tools.passage import evidence_window
from ...tools.stemming import terms
from ...trace import Document
from ..citation_forms import hide_citations
from ..dialects import Dialect

NO_SOURCES = "(nothing was found)"
"""What stands for the sources where there are none."""


def found_documents(state: Mapping[str, Any]) -> list[Document]:
    """Return every document that the run has retrieved, with its source id."""
    dumped = [one for record in state["searches"] for one in record["documents"]]
    return [Document.model_construct(**one) for one in (*dumped, *state.get("opened", ()))]


def best_documents(query: str, documents: Sequence[Document], count: int) -> list[Document]:
    """Return the documents that BM25 ranks first, each source once.

    The original ranks the pages of a run by BM25 as well
    (scripts/run_web_thinker_report.py). Here in plain Python: a run finds some hundred pages,
    and the index of `tools/bm25.py` needs packages of its own.

    Args:
        query: the section's name and what it is to say.
        documents: a page that several searches found may stand there several times.
        count: how many to return.
    """
    bags = [_bag(document.title, document.text) for document in documents]
    scores = _bm25(set(terms(query)), bags)
    order = sorted(range(len(documents)), key=lambda place: (-scores[place], place))
    best: dict[str, Document] = {}
    for place in order:
        if len(best) < count:
            best.setdefault(documents[place].id, documents[place])
    return list(best.values())


@lru_cache(maxsize=512)
def _bag(title: str, text: str) -> Counter[str]:
    # A run ranks the same pages again for every section.
    return Counter(terms(f"{title} " * TITLE_WEIGHT + text))


def _bm25(wanted: set[str], bags: Sequence[Counter[str]]) -> list[float]:
    """Return each bag's score (Lucene's form, as in `tools/bm25.py`)."""
    lengths = [bag.total() for bag in bags]
    mean = sum(lengths) / len(lengths) if lengths else 0.0
    scores = [0.0] * len(bags)
    for term in wanted:
        having = sum(term in bag for bag in bags)
        weight = math.log(1 + (len(bags) - having + 0.5) / (having + 0.5))
        for place, bag in enumerate(bags):
            if bag[term]:
                norm = BM25_K1 * (1 - BM25_B + BM25_B * lengths[place] / mean)
                scores[place] += weight * bag[term] / (bag[term] + norm)
    return scores


def show_documents(
    documents: Sequence[Document], query: str, dialect: Dialect, max_chars: int
) -> str:
    """Return documents as the writer reads them.

    Text from outside can forge neither a tag nor a citation.

    Args:
        documents: to show, with their ids.
        query: what is looked for in them.
        dialect: whose tags are broken.
        max_chars: of each document, around what agrees best with the query.
    """
    if not documents:
        return NO_SOURCES
    return "\n\n".join(_shown(one, query, dialect, max_chars) for one in documents)


def _shown(document: Document, query: str, dialect: Dialect, max_chars: int) -> str:
    text = evidence_window(document.text, query, max_chars // 2)
    heading = " ".join(f"{document.title} {document.date}".split())
    safe = hide_citations(dialect.neutralize(f"{heading}\n{document.url}\n{text}"))
    return f"[{document.id}] {safe}"
