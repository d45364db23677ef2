"""R1-Searcher++: recall what you know, or search; tags for either."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from .base import Action, Budgets, TurnPart
from .parts.boxed import last_boxed
from .parts.prompt import build_prompt
from .parts.tag import Tag
from .parts.tagged import TaggedDialect
from .parts.turn import last_part
from .r1_searcher import passage

INSTRUCTION = (
    "Answer the question step by step. For each step, decide first whether you know the "
    "fact for certain. If you do, write it down between <internal> and </internal>. If you "
    "do not, write a search query between <external> and </external>; passages about it "
    "follow between <document> and </document>. Search only where your own knowledge does "
    "not suffice. Give the final answer in a few words between <answer> and </answer>.\n\n"
    "Question: {question}"
)
"""Our own words; the original's prompt is not published (README of
RUCAIBox/R1-Searcher-plus; see the appendix of arXiv 2505.17005)."""

EMPTY_RECALL = "what was recalled is empty"
"""Why a recall between empty tags is invalid, as an empty query is."""

_FINAL_ANSWER = re.compile(
    r"(?P<opened>\*\*)?Final Answer(?P<closed>(?:\*\*)?:(?:\*\*)?)\s*"
    r"(?P<said>(?!</?(?:internal|external|document|answer|think)>)\S.*)",
    re.IGNORECASE,
)
"""The figures' words for an answer, which models set in bold. A tag behind them is no answer."""

_BOLD = re.compile(r"\*\*(.*?)\*\*")


class R1SearcherPlusDialect(TaggedDialect):
    """R1-Searcher++ (arXiv 2505.17005), Qwen2.5-7B-Instruct with its chat template.

    UNVERIFIED: no code, model or data was published. `<internal>`, `<external>` and
    `<document>` are what summaries of the paper call the tags (its figures abbreviate
    them); white space and numbering are taken from R1-Searcher, which the README says it
    is nearly the same as; the form of the answer is R1-Searcher's, and the figure's
    "Final Answer:" and a box are understood too.

    Recalling is an action of its own: the turn ends at `</internal>`, is counted, and the
    model goes on with nothing inserted. Budgets: at most 8 searches [secondary]; turns,
    tokens and documents are our own choice.
    """

    name = "r1_searcher_plus"
    prompt_source = "not published; arXiv 2505.17005"
    stop = ("</external>", "</internal>", "</answer>")
    tags = (
        "<internal>",
        "</internal>",
        "<external>",
        "</external>",
        "<document>",
        "</document>",
        "<answer>",
        "</answer>",
    )
    query_tag = Tag("<external>", "</external>")
    recall_tag = Tag("<internal>", "</internal>")
    result_tag = Tag("<document>", "</document>")
    answer_tag = Tag("<answer>", "</answer>")
    repeats_searches = True
    budgets = Budgets(max_searches=8, max_turns=24, max_turn_tokens=512, top_k=5)
    forced_stop = ("</answer>",)

    def prompt(self, question: str, **settings: Any) -> list[dict[str, str]]:
        return build_prompt([{"role": "user", "content": INSTRUCTION}], question, settings)

    def parse(self, text: str) -> Action:
        """Return the first complete action; a recall only where nothing else follows."""
        action = super().parse(text)
        if action.kind != "invalid" or self.query_tag.spans(text):
            return action
        answer = self.extract_answer(text)
        if answer is not None:
            return Action("answer", text=answer)
        recall = self._recall(text)
        if recall is None:
            return action
        known = self.recall_tag.inside(self.recall_tag.mend(text), recall).strip()
        if not known:
            return Action("invalid", text=EMPTY_RECALL)
        return Action("recall", text=known)

    def split_turn(self, text: str) -> list[TurnPart]:
        """Cut into reason and query, recall or answer."""
        if self.parse(text).kind == "recall":
            recall = self._recall(text)
            return last_part("recall", recall[0] if recall else 0, len(text))
        parts = super().split_turn(text)
        unmarked = self.parse(text).kind == "answer" and parts and parts[-1].start == 0
        if unmarked and (match := _FINAL_ANSWER.search(text)):
            return last_part("answer", match.start(), len(text))
        return parts

    def wrap_result(self, text: str) -> str:
        return f"\n\n<document>\n{text}</document>\n\n"

    def format_documents(self, documents: Sequence[Mapping[str, Any]]) -> str:
        return "".join(f"({n}){passage(doc)}\n" for n, doc in enumerate(documents, 1))

    def empty_message(self) -> str:
        return "None"

    def extract_answer(self, text: str) -> str | None:
        answer = super().extract_answer(text)
        if answer is not None:
            return last_boxed(answer) or answer
        return last_boxed(text) or _final_answer(text)

    def format_recall(self, knowledge: str) -> str:
        """Return recalled knowledge in the dialect's form, for teachers and rewriters."""
        return self.recall_tag.wrap(knowledge)

    def _recall(self, text: str) -> tuple[int, int] | None:
        spans = self.recall_tag.spans(self.recall_tag.mend(text))
        return spans[-1] if spans else None


def _final_answer(text: str) -> str | None:
    """Return what stands after the last "Final Answer:", bold or not.

    >>> _final_answer("**Final Answer:** Lima"), _final_answer("**Final Answer: Lima**")
    ('Lima', 'Lima')
    """
    answers = [_unmarked(match) for match in _FINAL_ANSWER.finditer(text)]
    return next((answer for answer in reversed(answers) if answer), None)


def _unmarked(match: re.Match[str]) -> str:
    said = match["said"].strip()
    if bold := _BOLD.match(said):
        return f"{bold[1]}{said[bold.end() :]}".strip()
    said = said.removeprefix("**")
    is_open = match["opened"] and match["closed"] == ":"
    # Where nothing is open, a star at its end is its own.
    return (said.removesuffix("**") if is_open else said).strip()


DIALECT = R1SearcherPlusDialect
