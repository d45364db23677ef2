"""O2-Searcher: one to five queries a turn, and what they find comes back as a message.

The released model was fine-tuned on conversations whose form is not uniform (o2searcher/
data/coldstart), then trained by reinforcement on one form, in which the frame of a chat
message is pasted into the model's own text and its turn is never closed
(o2searcher/generation.py:79-81). Its authors' inference makes proper messages instead
(scripts/eval/infer_agent.py). Where the two differ, the default is what the released model
was trained on last: the pasted form. Variants: `turns`, the form of inference, for any chat
template and for servers that take messages only; `cold_start`, the same with the result as
the fine-tuning data has it.

What comes back depends on the question (SYSTEMS.md: two search services). Of an open-ended one
a model notes what the documents teach (condenser `learnings`); of any other the documents stand
as they are, each query's joined by a space, the queries' by a line break
(searcher/run_closedended.py). In the fine-tuning data these documents stand as Search-R1 lists
them, on a line each.

The originals' instruction: scripts/data/o2searcher_dataset.py:19 for training;
scripts/eval/infer_agent.py:17-21 is the same with stray indentation.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .base import Action, Budgets, Result
from .parts.documents import contents, numbered_lines
from .parts.prompt import build_prompt
from .parts.tag import Tag
from .parts.tagged import EMPTY_QUERY, TaggedDialect

QUERY = Tag("<query>", "</query>")
THINK = Tag("<think>", "</think>")

SYSTEM = (
    "You research questions: open ones deserve the key findings in full, others a precise "
    "answer. Think between <think> and </think> whenever you are given something new. To "
    "learn more, search with one to five different queries:\n"
    "<search>\n<query>QUERY</query>\n<query>QUERY</query>\n</search>\n"
    "What they teach is given to you between <learnings> and </learnings>. Search as often "
    "as you need; when you know enough, write the result between <answer> and </answer>."
)
"""Our own words."""


@dataclass(frozen=True)
class Habit:
    """The white space and fences around a turn's parts, which vary in the cold-start data."""

    opening: str = ""
    """Before `<think>`."""
    between: str = "\n"
    """Between the thought and the action."""
    inside: str = "\n"
    """Around every query inside `<search>`, and at the end inside `<answer>` if `ends`."""
    closing: str = ""
    """After the action."""


OPEN = Habit()
"""Questions without one answer: the documented form, 97 of 432 searches."""

FENCED = Habit(opening="```\n", closing="\n```")
"""The same in a code fence, 107 of 432."""

CLOSED = Habit(between="\n\n", inside="", closing="\n\n")
"""Questions with one answer: no line breaks inside, two around, 228 of 432."""

ANSWERED = Habit(between="\n\n", inside="")
"""The answer to those, 108 of 180; twelve have no thought."""

GLUED = Habit(between="", inside="")
"""The answer to an open question, 60 of 180."""

HABITS = (OPEN, FENCED, CLOSED, ANSWERED, GLUED)
"""Every form seen in the cold-start data's assistant turns (counts: its 180 dialogues)."""


class TurnsDialect(TaggedDialect):
    """The form of inference: results as messages of the user (infer_agent.py).

    Limits: 5 turns, 3 documents, 2,048 tokens a turn. A turn without an action is answered,
    however many there are; only the turns end a run.
    """

    name = "o2_searcher:turns"
    layout = "turns"
    result_speaker = "user"
    open_ended_condenser = "learnings"
    stop = ("</search>", "</answer>")
    tags = (
        *("<think>", "</think>", "<search>", "</search>", "<query>", "</query>"),
        *("<learnings>", "</learnings>", "<answer>", "</answer>"),
    )
    query_tag = Tag("<search>", "</search>")
    result_tag = Tag("Search learnings: <learnings>", "</learnings>.\n")
    answer_tag = Tag("<answer>", "</answer>")
    turn_thought = (THINK.open, THINK.close)
    repeatable_tags = (QUERY.open, QUERY.close)
    repeats_searches = True
    budgets = Budgets(
        max_searches=None, max_turns=5, max_turn_tokens=2048, top_k=3, max_invalid=None
    )
    queries_a_turn = 5
    forced_turn = True
    forced_stop = ("</answer>",)

    def prompt(self, question: str, **settings: Any) -> list[dict[str, str]]:
        own = [
            {"role": "system", "content": SYSTEM},
            {"role": "user", "content": "Initial query: {question}"},
        ]
        return build_prompt(own, question, settings)

    def parse_query(self, content: str) -> Action:
        """Return the search between the tags; without `<query>` the whole is one query."""
        queries = read_queries(content)
        if not queries:
            return Action("invalid", text=EMPTY_QUERY)
        return Action("search", queries=tuple(queries))

    def format_documents(self, documents: Sequence[Mapping[str, Any]]) -> str:
        """Return the passages of one query, as their retriever wrote them."""
        return " ".join(contents(document) for document in documents)

    def join_results(self, results: Sequence[Result]) -> str:
        """Return what every query gave, each query's on lines of its own."""
        return "\n".join(result.text for result in results)

    def error_message(self) -> str:
        """Return the words of training for a search that failed (generation.py)."""
        return "Invalid search."

    def format_query(self, query: str) -> str:
        return self.format_action(Action("search", queries=(query,)))

    def format_action(self, action: Action, habit: Habit = OPEN) -> str:
        """Return a search or an answer in the dialect's form."""
        if action.kind == "answer":
            return self.format_answer(action.text)
        queries = [QUERY.wrap(query) for query in action.queries]
        body = f"{habit.inside or ''}".join(["", *queries, ""])
        return self.query_tag.wrap(body)

    def format_turn(self, thought: str | None, action: Action, habit: Habit = OPEN) -> str:
        """Return a whole turn; without a thought only the action."""
        written = self.format_action(action, habit)
        if thought is None:
            return written
        turn = f"{THINK.wrap(thought)}{habit.between}{written}"
        return f"{habit.opening}{turn}{habit.closing}"

    def read_turn(self, text: str) -> tuple[str | None, Action, Habit | None]:
        """Return thought, action and habit of a turn, so that `format_turn` gives it back.

        The habit is None when none of those seen gives the same text.
        """
        before, closed, _ = text.partition(THINK.close)
        thought = before.partition(THINK.open)[2] if closed else None
        action = self._exact(text)
        for habit in HABITS:
            if self.format_turn(thought, action, habit) == text:
                return thought, action, habit
        return thought, action, None

    def _exact(self, text: str) -> Action:
        """Return the turn's action with the white space inside its texts."""
        action = self.parse(text)
        if action.kind == "answer":
            spans = self.answer_tag.spans(text)
            return Action("answer", text=self.answer_tag.inside(text, spans[0]))
        if action.kind == "search":
            content = self.query_tag.inside(text, self.query_tag.spans(text)[0])
            inner = tuple(QUERY.inside(content, span) for span in QUERY.spans(content))
            return Action("search", queries=inner or action.queries)
        return action

    def invalid_message(self, reason: str) -> str:
        """Our own words, with the original's line break: o2searcher/prompts.py:1."""
        return (
            f"That was not understood: {reason}. Search with <search>, each query between "
            "<query> and </query>, or give the result between <answer> and </answer>.\n"
        )

    def force_answer(self) -> str:
        """Our own words, a message of the user."""
        return (
            "There is no more room for searches. Give the result now, in one pair of "
            "<answer> tags."
        )

    def split_forced(self, text: str) -> list[Any]:
        return self.split_turn(text)


def read_queries(content: str) -> list[str]:
    """Return the queries of a search, stripped, without repeats, in order.

    >>> read_queries("<query> a </query><query>b</query>"), read_queries(" c ")
    (['a', 'b'], ['c'])
    """
    found = [QUERY.inside(content, span) for span in QUERY.spans(content)]
    if not found:
        found = [re.sub(r"</?query>", " ", content)]
    texts = (query.strip() for query in found)
    return list(dict.fromkeys(text for text in texts if text))


class ColdStartDialect(TurnsDialect):
    """The result as 428 of the cold-start data's 432 have it: no full stop at the end.

    228 of them, those of one query, list documents in Search-R1's lines.
    """

    name = "o2_searcher:cold_start"
    result_tag = Tag("Search learnings: <learnings>", "</learnings>\n")

    def format_documents(self, documents: Sequence[Mapping[str, Any]]) -> str:
        return numbered_lines(documents)


class O2SearcherDialect(TurnsDialect):
    """The form of reinforcement learning, byte for byte: what the released model learned.

    The frame of the message is pasted into the model's text, and nothing closes the turn
    before it. The frame is Qwen2.5's, whose special tokens are part of the result: for a
    model with another chat template take `o2_searcher:turns`. Turns are 4 in training, and
    one more whose search is not carried out (generation.py, the final rollout).
    """

    name = "o2_searcher"
    prompt_source = "Acade-Mate/O2-Searcher: scripts/data/o2searcher_dataset.py:19"
    layout = "inline"
    budgets = Budgets(
        max_searches=None,
        max_turns=5,
        max_turn_tokens=2048,
        top_k=3,
        searching_turns=4,
        max_invalid=None,
    )
    tags = (*TurnsDialect.tags, "<|im_start|>", "<|im_end|>")

    def join_results(self, results: Sequence[Result]) -> str:
        """Return the same without white space around it (generation.py)."""
        return super().join_results(results).strip()

    def wrap_result(self, text: str) -> str:
        return self._pasted(super().wrap_result(text))

    def invalid_message(self, reason: str) -> str:
        return self._pasted(super().invalid_message(reason))

    def force_answer(self) -> str:
        return self._pasted(super().force_answer())

    @staticmethod
    def _pasted(message: str) -> str:
        return f"<|im_start|>user\n{message}<|im_end|>\n<|im_start|>assistant\n"


DIALECT = O2SearcherDialect
VARIANTS = {"cold_start": ColdStartDialect, "turns": TurnsDialect}
