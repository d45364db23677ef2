"""A thirteenth dialect in one file.

    deepsearch ask "…" --dialect examples/dialects/question_mark.py

Its model was trained to ask between `[?]` and `[/?]`, to be told between `[!]` and `[/!]`,
and to answer between `[=]` and `[/=]`. All that the family shares (parsing, cutting turns,
torn tags, forced answers, protection from pages) comes from `TaggedDialect`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from langgraph_deepsearch.nodes.dialects import Budgets
from langgraph_deepsearch.nodes.dialects.parts.prompt import build_prompt
from langgraph_deepsearch.nodes.dialects.parts.tag import Tag
from langgraph_deepsearch.nodes.dialects.parts.tagged import TaggedDialect

INSTRUCTION = (
    "Answer the question. Ask for what you do not know between [?] and [/?]; you are told "
    "between [!] and [/!]. Answer between [=] and [/=].\n\n{question}"
)


class QuestionMarkDialect(TaggedDialect):
    """Signs instead of words."""

    name = "question_mark"
    stop = ("[/?]", "[/=]")
    tags = ("[?]", "[/?]", "[!]", "[/!]", "[=]", "[/=]")
    query_tag = Tag("[?]", "[/?]")
    result_tag = Tag("[!]", "[/!]")
    answer_tag = Tag("[=]", "[/=]")
    budgets = Budgets(max_searches=6, max_turns=8, max_turn_tokens=1024, top_k=3)

    def prompt(self, question: str, **settings: Any) -> list[dict[str, str]]:
        return build_prompt([{"role": "user", "content": INSTRUCTION}], question, settings)

    def wrap_result(self, text: str) -> str:
        return f"\n{self.result_tag.wrap(text)}\n"

    def format_documents(self, documents: Sequence[Mapping[str, Any]]) -> str:
        return "\n".join(f"* {doc['title']}: {doc['text']}" for doc in documents)


DIALECT = QuestionMarkDialect
