"""Rewriter: widens a planned search into several queries."""

from __future__ import annotations

from .call import RoleCall, Task, fill
from .labels import read_labels

NAME = "rewriter"

QUERIES_A_SEARCH = 3
"""Queries that a planned search becomes; the original's least (web_news_get.py)."""

PROMPT = (
    "You write queries for a search engine. Widen what is to be found into {count} queries "
    "that look for it from different sides: other words, names in full, a narrower and a "
    "wider form.\n\n"
    "To be found: {need}\n\n"
    "It serves this question: {question}\n\n"
    "Reply with {count} lines, nothing else:\n"
    "Query: a short query\n"
)
"""Our own words. The original's: src/multi_agent/prompt.py of Alibaba-NLP/MaskSearch."""


def rewrite_call(task: Task, need: str) -> RoleCall:
    """Return the request for the queries of one planned search."""
    count = str(QUERIES_A_SEARCH)
    return RoleCall(NAME, fill(PROMPT, need=need, question=task.question, count=count))


def read_queries(reply: str, need: str) -> list[str]:
    """Return the queries in a reply; the planned search itself where there are none."""
    said = read_labels(reply, ("Query",))["Query"]
    queries = [query.strip("\"'`“” ") for query in said]
    kept = list(dict.fromkeys(query for query in queries if query))
    return kept[:QUERIES_A_SEARCH] or [need]
