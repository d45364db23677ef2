"""A dialect: how one family of search models speaks. Pure functions over text, no I/O.

Tags, numbering and white space are exact, since a released model was trained on those
bytes; instruction sentences are our own words and a prompt file can replace them.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

ActionKind = Literal[
    "search", "read", "click", "write", "edit", "check", "answer", "invalid"
]

Layout = Literal["inline", "turns"]
"""inline: results are placed inside the one assistant text. turns: each result is a
message of its own."""

ZERO_WIDTH_SPACE = "\u200b"


@dataclass(frozen=True)
class Action:
    """What the model asked for at the end of a turn."""

    kind: ActionKind
    queries: tuple[str, ...] = ()
    url: str = ""
    goal: str = ""
    text: str = ""
    """The answer, the text to write, or for `invalid` why it is so."""


@dataclass(frozen=True)
class Budgets:
    """A dialect's default limits; a run's settings override them. None: no limit."""

    max_searches: int | None = 10
    max_turns: int | None = 15
    max_turn_tokens: int = 20480
    top_k: int = 10


@dataclass(frozen=True)
class TurnPart:
    """A stretch of a turn: `start` and `end` are character offsets in the turn's text."""

    kind: Literal["reason", "query", "call", "answer"]
    start: int
    end: int


def fill(instruction: str, question: str, max_searches: int | None) -> str:
    r"""Fill `{question}` and `{max_searches}` in; other braces (`\boxed{…}`) stay.

    >>> fill(r"{question} Answer in \boxed{X}.", "Who?", 3)
    'Who? Answer in \\boxed{X}.'
    """
    limit = "as often as needed" if max_searches is None else str(max_searches)
    return instruction.replace("{max_searches}", limit).replace("{question}", question)


class Dialect(ABC):
    """Base of all dialects. Instances are stateless and shared."""

    name: ClassVar[str]
    layout: ClassVar[Layout] = "inline"
    stop: ClassVar[tuple[str, ...]]
    """Strings that end a model turn; each stays in the text."""
    tags: ClassVar[tuple[str, ...]]
    """Every control string; text from outside must not be able to contain one."""
    result_speaker: ClassVar[Literal["user", "assistant", "tool"]] = "tool"
    prefill: ClassVar[str] = ""
    """Text the assistant turn is opened with before the model writes."""
    uses_chat_template: ClassVar[bool] = True
    budgets: ClassVar[Budgets] = Budgets()
    forces_answer: ClassVar[bool] = True
    """Whether an answer is forced by default when a budget ends."""
    thinking_close: ClassVar[str | None] = None
    """The tag that ends a thought, where the dialect has one."""

    @abstractmethod
    def prompt(self, question: str, **settings: Any) -> list[dict[str, str]]:
        """Return the prompt as chat messages (`role`, `content`).

        Args:
            question: the question, as asked.
            settings: `max_searches` (int), `instruction` (str: the prompt file's text,
                in which `{question}` and `{max_searches}` are filled in), `today` (ISO
                date). Unknown ones are ignored.
        """

    @abstractmethod
    def parse(self, text: str) -> Action:
        """Return the action that a turn's text ends with. Total: never raises."""

    @abstractmethod
    def split_turn(self, text: str) -> list[TurnPart]:
        """Cut a turn's text into parts that cover it without gap, in order."""

    @abstractmethod
    def wrap_result(self, text: str) -> str:
        """Wrap condensed evidence the way results are given to the model."""

    @abstractmethod
    def extract_answer(self, text: str) -> str | None:
        """Return the final answer in the model's text, None when there is none."""

    def answer_spans(self, text: str) -> list[tuple[int, int]]:
        """Return (start, end) of every final answer with its markers, in order.

        Corrections edit these. Here: where the extracted answer stands in its standard
        form; dialects with looser forms override it.
        """
        answer = self.extract_answer(text)
        if answer is None:
            return []
        form = self.format_answer(answer)
        start = text.rfind(form)
        return [(start, start + len(form))] if start >= 0 else []

    @abstractmethod
    def limit_message(self, max_searches: int) -> str:
        """Return what the model reads, wrapper included, when searches are used up."""

    @abstractmethod
    def repeat_message(self, query: str) -> str:
        """Return what the model reads when it repeats a query."""

    @abstractmethod
    def invalid_message(self, reason: str) -> str:
        """Return what the model reads after an action that cannot be parsed."""

    @abstractmethod
    def empty_message(self) -> str:
        """Return the evidence text that stands for a search that found nothing."""

    @abstractmethod
    def error_message(self) -> str:
        """Return the evidence text that stands for a search that failed."""

    @abstractmethod
    def force_answer(self) -> str:
        """Return the text put before the model's last words to make it answer now."""

    @abstractmethod
    def format_answer(self, answer: str) -> str:
        """Return the answer in the dialect's form, for teachers and corrections."""

    @abstractmethod
    def format_query(self, query: str) -> str:
        """Return a search in the dialect's form, for teachers and imports."""

    forced_stop: ClassVar[tuple[str, ...]] = ()
    """Stop strings for the words after `force_answer`."""

    @abstractmethod
    def forced_answer_end(self, text: str) -> int | None:
        """Return where the forced answer ends in the text written after `force_answer`."""

    def split_forced(self, text: str) -> list[TurnPart]:
        """Cut the text written after `force_answer` into parts."""
        return [TurnPart("answer", 0, len(text))] if text else []

    def format_documents(self, documents: Sequence[Mapping[str, Any]]) -> str:
        """Return documents as evidence text when no model condenses them."""
        return "\n".join(
            f"({number}) {doc.get('title', '')}: {doc.get('text', '')}".strip()
            for number, doc in enumerate(documents, 1)
        )

    def first_action_end(self, text: str) -> int | None:
        """Return the offset just after the first complete action, None while there is none.

        The model client cuts the stream here, whether or not the server honours `stop`.
        """
        ends = [
            position + len(stop) for stop in self.stop if (position := text.find(stop)) >= 0
        ]
        return min(ends, default=None)

    def neutralize(self, text: str) -> str:
        """Break every control tag in text from outside so that a page cannot forge one.

        A zero-width space is put after the tag's first character: readers see the same
        text, parsers do not see a tag.
        """
        for tag in self.tags:
            pattern = re.compile(re.escape(tag), re.IGNORECASE)
            text = pattern.sub(lambda m: m[0][0] + ZERO_WIDTH_SPACE + m[0][1:], text)
        return text

    def render_results(self, text: str) -> str:
        """Return evidence ready to be placed in the transcript: neutralised and wrapped."""
        return self.wrap_result(self.neutralize(text))
