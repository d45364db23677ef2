"""SimpleDeepSearcher: Search-o1's wire format, one user message, a boxed answer."""

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
    "You answer questions with the help of a web search.\n\n"
    f"- To search, write {BEGIN_QUERY}your query{END_QUERY}.\n"
    f"- What was found is then given to you as {BEGIN_RESULT}…{END_RESULT}; never write "
    "such a result yourself.\n"
    "- Search whenever you are unsure of a fact. You may search at most {max_searches} "
    "times.\n\n"
    "Think step by step, and end with your answer as \\boxed{YOUR_ANSWER}.\n\n"
    "Question:\n{question}\n\n"
)
"""Our own words for the instruction and the task in one user message."""


class SimpleDeepSearcherDialect(SpecialTokenDialect):
    """The paper's system (arXiv 2505.16834). Limits: inference/inference.py:66-130.

    The originals' task sentences differ between training (process_data/repsonse_curation/
    format_prompt.py:15-20) and inference (inference/prompts.py:2-44 of
    RUCAIBox/SimpleDeepSearcher); the bytes around them do not.
    """

    name = "simple_deep_searcher"
    prompt_source = (
        "RUCAIBox/SimpleDeepSearcher: inference/prompts.py:2-44; training: "
        "process_data/repsonse_curation/format_prompt.py:15-20"
    )
    thinking_close = "</think>"
    budgets = Budgets(max_searches=10, max_turns=15, max_turn_tokens=20480, top_k=10)

    def prompt(self, question: str, **settings: Any) -> list[dict[str, str]]:
        own = [{"role": "user", "content": INSTRUCTION}]
        limit = self.budgets.max_searches
        return build_prompt(own, question, settings, max_searches=limit)


DIALECT = SimpleDeepSearcherDialect
