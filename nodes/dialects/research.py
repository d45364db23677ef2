"""ReSearch: search and result between XML tags, a boxed answer inside the answer's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .base import Budgets
from .parts.boxed import last_boxed
from .parts.documents import contents
from .parts.prompt import build_prompt
from .parts.tag import Tag
from .parts.tagged import EMPTY_QUERY, TaggedDialect

INSTRUCTION = (
    "You answer questions step by step with the help of a search engine over Wikipedia. "
    "Think between <think> and </think>. When you need a fact, write <search> your query "
    "</search>, and what was found follows between <result> and </result>; think about it "
    "and search again where something is missing. At the end write <answer> and </answer> "
    "with the exact answer in \\boxed{} between them, for example <answer> It is "
    "\\boxed{Lima} </answer>."
)
"""Our own words. The original, one text for base and instruct models:
src/verl/utils/dataset/template.py:1-19 of Agent-RL/ReCall, branch re-search."""


class ReSearchDialect(TaggedDialect):
    r"""ReSearch, the instruct models (arXiv 2503.19470): instruction as system message.

    Insertion ` <result>\n…\n</result>` after `</search>`, documents joined by an empty
    line (flashrag/pipeline/active_pipeline.py:58-76; training vllm_rollout.py:419). Five
    documents; turns and searches are not counted, the response has 8,192 tokens, results
    included. Here those bound the whole transcript. A run over it has no answer in the
    original; one is asked for here.

    Answer: the last box in the first answer tags (src/verl/utils/reward_score/
    re_search.py:149-179). An answer without a box has no value there; here its text counts.
    """

    name = "research"
    prompt_source = (
        "Agent-RL/ReCall, branch re-search: src/verl/utils/dataset/template.py:1-19"
    )
    stop = ("</search>", "</answer>")
    tags = ("<search>", "</search>", "<result>", "</result>", "<answer>", "</answer>")
    query_tag = Tag("<search>", "</search>")
    result_tag = Tag("<result>", "</result>")
    answer_tag = Tag("<answer>", "</answer>")
    turn_thought = ("<think>", "</think>")
    repeats_searches = True
    budgets = Budgets(
        max_searches=None,
        max_turns=None,
        max_turn_tokens=8192,
        top_k=5,
        max_context_tokens=8192,
    )
    forced_stop = ("</answer>",)

    def prompt(self, question: str, **settings: Any) -> list[dict[str, str]]:
        own = [
            {"role": "system", "content": INSTRUCTION},
            {"role": "user", "content": "{question}"},
        ]
        return build_prompt(own, question, settings)

    def wrap_result(self, text: str) -> str:
        return f" <result>\n{text}\n</result>"

    def format_documents(self, documents: Sequence[Mapping[str, Any]]) -> str:
        return "\n\n".join(contents(document) for document in documents)

    def extract_answer(self, text: str) -> str | None:
        spans = self.answer_tag.spans(self.answer_tag.mend(text))
        if not spans:
            answer = super().extract_answer(text)
            return None if answer is None else last_boxed(answer) or answer
        answer = self.answer_tag.inside(self.answer_tag.mend(text), spans[0]).strip()
        boxed = last_boxed(answer)
        return answer if boxed is None else boxed

    def invalid_message(self, reason: str) -> str:
        """Return the original's word for an empty query, else our own."""
        if reason == EMPTY_QUERY:
            return self.wrap_result("nothing to search")
        return super().invalid_message(reason)

    def format_query(self, query: str) -> str:
        return f"<search> {query} </search>"

    def format_answer(self, answer: str) -> str:
        return f"<answer> \\boxed{{{answer}}} </answer>"


class BaseModelDialect(ReSearchDialect):
    """The models trained from a base model: plain text, no chat template (:1-10)."""

    name = "research:base"
    uses_chat_template = False

    def prompt(self, question: str, **settings: Any) -> list[dict[str, str]]:
        text = (
            "The User asks a question, and the Assistant answers it. "
            f"{INSTRUCTION} User: {{question}}. Assistant:"
        )
        return build_prompt([{"role": "user", "content": text}], question, settings)


DIALECT = ReSearchDialect
VARIANTS = {"base": BaseModelDialect}
