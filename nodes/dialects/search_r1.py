"""Search-R1: think, search, read the information, answer; each between XML tags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .base import Budgets
from .parts.documents import numbered_lines
from .parts.prompt import build_prompt
from .parts.tag import Tag
from .parts.tagged import TaggedDialect

INSTRUCTION = (
    "Find the answer to the question below. Whenever you have learned something new, think "
    "about it between <think> and </think>. When you lack a fact, ask a search engine by "
    "writing <search> your query </search>; its best results are shown to you between "
    "<information> and </information>. You may search as often as you like. When nothing "
    "more is needed, write just the answer between <answer> and </answer>, such as "
    "<answer> Lima </answer>. Question: {question}\n"
)
"""Our own words. The original, one for base and instruct models: infer.py:20-24 and
scripts/data_process/nq_search.py:32-36 of PeterGriffinJin/Search-R1."""

INVALID = (
    "\nMy previous action is invalid. If I want to search, I should put the query between "
    "<search> and </search>. If I want to give the final answer, I should put the answer "
    "between <answer> and </answer>. Let me try again.\n"
)
"""Wire string (search_r1/llm_agent/generation.py:396-398); ZeroSearch's too."""


class SearchR1Dialect(TaggedDialect):
    """Search-R1 as trained, v0.2 (arXiv 2503.09516).

    One user message, in the chat template where the tokenizer has one. Insertion
    search_r1/llm_agent/generation.py:391, document line :460-468. Budgets: 4 turns and a
    last one whose search is not carried out, 500 tokens each, 3 documents. The original
    cuts a result after 500 tokens, closing tag included; here it stays whole. A text with
    a search after an answer is cut at the search there, at the answer here. An empty query
    is searched for there (`execute_predictions`); here nothing is, and the turn is invalid.

    The original's scorer wants two answers in prompt and response together, since its
    prompt holds an example (verl/utils/reward_score/qa_em.py:73-82); here only what the
    model wrote is read, so one counts. It has no message for a repeat or a limit.
    """

    name = "search_r1"
    prompt_source = (
        "PeterGriffinJin/Search-R1: infer.py:20-24, scripts/data_process/nq_search.py:32-36"
    )
    stop = ("</search>", "</answer>")
    tags = (
        "<search>",
        "</search>",
        "<information>",
        "</information>",
        "<answer>",
        "</answer>",
    )
    query_tag = Tag("<search>", "</search>")
    result_tag = Tag("<information>", "</information>")
    answer_tag = Tag("<answer>", "</answer>")
    turn_thought = ("<think>", "</think>")
    repeats_searches = True
    budgets = Budgets(
        max_searches=4,
        max_turns=5,
        max_turn_tokens=500,
        top_k=3,
        searching_turns=4,
        max_invalid=None,
    )
    forced_stop = ("</answer>",)

    def prompt(self, question: str, **settings: Any) -> list[dict[str, str]]:
        own = [{"role": "user", "content": INSTRUCTION}]
        asked = question.strip()
        # nq_search.py ends every question with a question mark.
        asked = asked if asked.endswith("?") else f"{asked}?"
        return build_prompt(own, asked, settings)

    def wrap_result(self, text: str) -> str:
        return f"\n\n<information>{text.strip()}</information>\n\n"

    def format_documents(self, documents: Sequence[Mapping[str, Any]]) -> str:
        return numbered_lines(documents)

    def invalid_message(self, reason: str) -> str:
        """Return the original's message, which names no reason."""
        return INVALID

    def format_query(self, query: str) -> str:
        return f"<search> {query} </search>"

    def format_answer(self, answer: str) -> str:
        return f"<answer> {answer} </answer>"


class InferenceDialect(SearchR1Dialect):
    r"""As `infer.py` runs the released models: other white space, more turns.

    `infer.py:17,125` puts `\n\n` before each of the model's texts once it has been
    written, and nothing between it and the result. A transcript here only grows, so the
    `\n\n` stands there before the model writes; what later turns read is the same.
    Temperature .7 and 1,024 tokens a turn (:83). The original has no turn limit and ends
    at the first turn that does not search; the 30 turns are our own choice.
    """

    name = "search_r1:inference"
    prefill = "\n\n"
    budgets = Budgets(max_searches=None, max_turns=30, max_turn_tokens=1024, top_k=3)

    def wrap_result(self, text: str) -> str:
        return f"<information>{text}</information>\n\n\n\n"


DIALECT = SearchR1Dialect
VARIANTS = {"inference": InferenceDialect}
