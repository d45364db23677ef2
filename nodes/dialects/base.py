"""A dialect: how one family of search models speaks. Pure functions over text, no I/O.

Tags, numbering and white space are exact, since a released model was trained on those
bytes; instruction sentences are our own words and a prompt file can replace them.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Literal

ActionKind = Literal[
    "search", "recall", "read", "click", "write", "edit", "check", "answer", "invalid"
]
"""What a turn may ask for. recall: nothing; the model has written down what it knows in
place of a search, and goes on."""

Layout = Literal["inline", "turns"]
"""inline: results are placed inside the one assistant text. turns: each result is a
message of its own."""

Use = Literal["answers", "reports", "recorded"]
"""answers: a model that answers questions. reports: one that has reports written, for the
report graph. recorded: no model, traces of another system."""

ZERO_WIDTH_SPACE = "\u200b"

FOREIGN_TAG = re.compile(
    r"<\|[^\s<>|]{1,40}\|>|<\uff5c[^\uff5c<>]{1,60}\uff5c>|</?think(?:ing)?>|</?s>|"
    r"</?tool_(?:call|response)>|<(?:bos|eos|start_of_turn|end_of_turn)>|\[/?INST\]",
    re.IGNORECASE,
)
"""Special tokens of the chat templates of Qwen, Llama, DeepSeek, Gemma and Mistral, and
the tags of thoughts and tool calls: none may come from outside, whatever the dialect."""


def break_tags(text: str, *patterns: re.Pattern[str]) -> str:
    """Put a zero-width space after the first character of every match."""
    for pattern in patterns:
        text = pattern.sub(lambda m: m[0][0] + ZERO_WIDTH_SPACE + m[0][1:], text)
    return text


@dataclass(frozen=True)
class Action:
    """What the model asked for at the end of a turn."""

    kind: ActionKind
    queries: tuple[str, ...] = ()
    url: str = ""
    urls: tuple[str, ...] = ()
    """Every page of a read that names several; `url` is then the first."""
    goal: str = ""
    """What a page is read for, what a section is to say, or how a report is to be changed."""
    text: str = ""
    """The answer, or for `invalid` why it is so."""
    title: str = ""
    """The name of the section to write."""


@dataclass(frozen=True)
class Budgets:
    """A dialect's default limits; a run's settings override them. None: no limit."""

    max_searches: int | None = 10
    max_turns: int | None = 15
    max_turn_tokens: int = 20480
    top_k: int = 10
    max_context_tokens: int | None = None
    """Longest transcript; None: the model's context."""
    searching_turns: int | None = None
    """Turns whose search is carried out, where the original lets the model write once more
    after them and searches no longer. None, and where a run sets its turns: all."""
    max_invalid: int | None = 2
    """Turns in a row without an action after which a run ends: the model has lost the
    protocol, and every further turn costs as much as a good one. None: only turns count."""


@dataclass(frozen=True)
class Result:
    """What one query or one page of a turn gave, to be joined with the turn's others."""

    text: str
    """The evidence, or the message for nothing found or a failure."""
    query: str = ""
    url: str = ""
    """The page's address where one was read."""
    goal: str = ""
    documents: Sequence[Mapping[str, Any]] = ()
    """In rank order, shaped like `trace.Document`, cut as they stand in a text that lists
    them; empty when none was found."""
    failed: bool = False
    is_empty: bool = False
    """Whether nothing was found in it: the text is the message that says so."""


@dataclass(frozen=True)
class TurnPart:
    """A stretch of a turn: `start` and `end` are character offsets in the turn's text."""

    kind: Literal["reason", "query", "recall", "call", "answer"]
    start: int
    end: int


@cache
def _ignoring_case(tag: str) -> re.Pattern[str]:
    return re.compile(re.escape(tag), re.IGNORECASE)


class Dialect(ABC):
    """Base of all dialects. Instances are stateless and shared."""

    name: ClassVar[str]
    use: ClassVar[Use] = "answers"
    """What a run in it gives."""
    layout: ClassVar[Layout] = "inline"
    stop: ClassVar[tuple[str, ...]]
    """Strings that end a model turn; each stays in the text."""
    tags: ClassVar[tuple[str, ...]]
    """Every control string; text from outside must not be able to contain one."""
    result_speaker: ClassVar[Literal["user", "assistant", "tool"]] = "tool"
    prefill: ClassVar[str] = ""
    """Text an assistant turn is opened with before the model writes: the one turn of an
    inline dialect, every turn of one with `turns`."""
    uses_chat_template: ClassVar[bool] = True
    prompt_source: ClassVar[str] = ""
    """Where the original's prompt text is found; empty: not known."""
    budgets: ClassVar[Budgets] = Budgets()
    forces_answer: ClassVar[bool] = True
    """Whether an answer is forced by default when a budget ends."""
    thinking_close: ClassVar[str | None] = None
    """The tag that ends the one thought which all searches belong to, where there is one."""
    turn_thought: ClassVar[tuple[str, str] | None] = None
    """The tags around the thought of each turn, where every turn has one of its own."""
    repeatable_tags: ClassVar[tuple[str, ...]] = ()
    """Tags that may stand several times in one action."""
    repeats_searches: ClassVar[bool] = False
    """Whether the original carries a repeated query out again."""
    queries_a_turn: ClassVar[int | None] = None
    """How many queries of one call the original runs; None: all. The rest are dropped."""
    condenser: ClassVar[str] = "none"
    """How the original turns a query's documents into evidence (`Context.condenser`)."""
    needs_final_marker: ClassVar[bool] = False
    """Whether what a model read out of documents counts only after its marker; else an
    output without one is taken whole."""
    open_ended_condenser: ClassVar[str] = ""
    """The same for a question without one answer, where the original has another way for
    it; empty: the same way."""
    page_condenser: ClassVar[str] = "goal_extractor"
    """How the original turns a page that it reads by address into evidence."""
    reads_found_pages: ClassVar[bool] = True
    """Whether the pages of a search are read at once; else the model sees what the search
    engine says of them, and asks for a page by its address."""

    @property
    def server_stop(self) -> tuple[str, ...]:
        """The `stop` strings that a server may end a turn at without reading it."""
        return self.stop

    @abstractmethod
    def prompt(self, question: str, **settings: Any) -> list[dict[str, str]]:
        """Return the prompt as chat messages (`role`, `content`).

        Args:
            question: the question, as asked.
            settings: `max_searches` (int), `today` (ISO date), `instruction` (a prompt
                file's text in place of the dialect's own, or a list of whole messages;
                see `parts/prompt.py`). Unknown ones are ignored.
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

    def format_turn(self, thought: str, action: Action) -> str:
        """Return a whole turn that thinks and then searches or answers.

        For teachers, and for traces written again in another dialect.
        """
        if action.kind == "answer":
            form, close = self.format_answer(action.text), self.thinking_close or ""
        else:
            form, close = "".join(map(self.format_query, action.queries)), ""
        if self.turn_thought is None:
            return f"{thought}{close}\n\n{form}" if thought or close else form
        before, after = self.turn_thought
        return f"{before}{thought}{after}\n{form}" if thought else form

    forced_turn: ClassVar[bool] = False
    """Whether a forced answer is a whole turn with its thought, and as long as any; else it
    is opened for the model, and short."""
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

    def condenser_for(self, *, open_ended: bool) -> str:
        """Return how documents become evidence by default.

        Args:
            open_ended: whether the question is one without one answer.
        """
        return (open_ended and self.open_ended_condenser) or self.condenser

    def neutralize(self, text: str) -> str:
        """Break every control tag in text from outside so that a page cannot forge one.

        Tags of the dialect, of thoughts, and of chat templates: a tokenizer turns the
        text of a special token into that token. A zero-width space is put after the tag's
        first character: readers see the same text, parsers do not see a tag.
        """
        return break_tags(text, FOREIGN_TAG, *map(_ignoring_case, self.tags))

    def join_results(self, results: Sequence[Result]) -> str:
        """Return the evidence of all queries and pages of a turn as one text, unwrapped."""
        return "\n\n".join(result.text for result in results)

    def render_results(self, text: str) -> str:
        """Return evidence ready to be placed in the transcript: neutralised and wrapped."""
        return self.wrap_result(self.neutralize(text))
