"""ZeroSearch: Search-R1's language, documents without titles of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .base import Budgets
from .parts.documents import came_whole, contents, text_of
from .search_r1 import SearchR1Dialect


class ZeroSearchDialect(SearchR1Dialect):
    """ZeroSearch (arXiv 2505.04588): trained on a simulated engine, run on a real one.

    Prompt, tags, insertion and invalid message are Search-R1's (inference.py:97-101,
    llm_agent/generation.py:524-531). Documents are `Doc i: text`, joined by a line break
    (:608), title and snippet of Google glued together without a space (:632-640);
    simulated documents have no title, a retriever's are one text. Budgets: 5 documents, 5
    turns of 500 tokens and a last one whose search is not carried out. The original cuts a
    result after 2,048 tokens, here it stays whole.
    """

    name = "zero_search"
    prompt_source = "Alibaba-NLP/ZeroSearch: inference.py:97-101"
    budgets = Budgets(
        max_searches=5,
        max_turns=6,
        max_turn_tokens=500,
        top_k=5,
        searching_turns=5,
        max_invalid=None,
    )
    reads_found_pages = False  # the engine's snippets are the documents

    def format_documents(self, documents: Sequence[Mapping[str, Any]]) -> str:
        return "\n".join(
            f"Doc {number}: {contents(doc) if came_whole(doc) else self._apart(doc)}"
            for number, doc in enumerate(documents, 1)
        )

    def _apart(self, document: Mapping[str, Any]) -> str:
        return f"{document.get('title') or ''}{text_of(document)}"


class WikiDialect(ZeroSearchDialect):
    """For the local index, whose documents are text alone (llm_agent/generation.py:602)."""

    name = "zero_search:wiki"

    def _apart(self, document: Mapping[str, Any]) -> str:
        return text_of(document)


DIALECT = ZeroSearchDialect
VARIANTS = {"wiki": WikiDialect}
