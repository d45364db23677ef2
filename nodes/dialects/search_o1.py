"""Search-o1: the training-free loop whose wire format SimpleDeepSearcher took over."""

from __future__ import annotations

from typing import Any

from .base import Budgets
from .parts.prompt import build_prompt
from .parts.special_tokens import (
    BEGIN_QUERY,
    BEGIN_RESULT,
    END_QUERY,
    END_RESULT,
    SpecialTokenDialect,
)

INSTRUCTION = (
    "You reason about questions and may search the web while you do so.\n\n"
    f"- A search is written as {BEGIN_QUERY}your query{END_QUERY}.\n"
    "- The web pages it finds are read for you, and what they say on the matter stands "
    f"between {BEGIN_RESULT} and {END_RESULT}.\n"
    "- Search again when something is still missing, {max_searches} times at most, then go "
    "on with your reasoning.\n\n"
    "Reason step by step and give the final answer as \\boxed{YOUR_ANSWER}.\n\n"
    "Question:\n{question}\n\n"
)
"""Our own words. The originals, one for each task: scripts/prompts.py:3-357 of
sunnynexus/Search-o1."""


class SearchO1Dialect(SpecialTokenDialect):
    """Search-o1 (arXiv 2501.05366): any reasoning model, nothing trained.

    Tags scripts/run_search_o1.py:40-43, insertion :668, limit :597, repeat :604. The
    original takes the last box by a greedy pattern (scripts/evaluate.py:32-35), which
    swallows everything between two boxes of a line; here braces are balanced. What a model
    reads out of documents counts only after `**Final Information**` (evaluate.py:20-29).

    Limits :199-205 and :388-394: 10 searches, 15 turns, 10 documents; 20,480 tokens is
    QwQ's (32,768 for mathematics and code, 8,192 for other models).
    """

    name = "search_o1"
    prompt_source = (
        "sunnynexus/Search-o1: scripts/prompts.py (single-hop 110, multi-hop 131, "
        "mathematics 25, code 47, multiple choice 3, open 357)"
    )
    needs_final_marker = True
    budgets = Budgets(max_searches=10, max_turns=15, max_turn_tokens=20480, top_k=10)

    def prompt(self, question: str, **settings: Any) -> list[dict[str, str]]:
        own = [{"role": "user", "content": INSTRUCTION}]
        limit = self.budgets.max_searches
        return build_prompt(own, question, settings, max_searches=limit)


class SingleHopDialect(SearchO1Dialect):
    """For single-hop question sets: five searches (scripts/run_search_o1.py:199-205)."""

    name = "search_o1:single_hop"
    budgets = Budgets(max_searches=5, max_turns=15, max_turn_tokens=20480, top_k=10)


DIALECT = SearchO1Dialect
VARIANTS = {"single_hop": SingleHopDialect}
