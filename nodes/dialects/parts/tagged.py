"""The tagged family: queries, results and answers each stand between a pair of tags."""

from __future__ import annotations

from typing import ClassVar

from ..base import Action, Dialect, TurnPart
from .tag import Tag
from .turn import last_part

EMPTY_QUERY = "the search query is empty"
"""Why a search between empty tags is invalid."""

LONGEST_UNCLOSED = 200
"""Characters of an answer that may count although its closing tag is missing."""


class TaggedDialect(Dialect):
    """Shared by dialects whose turns end with a query or an answer between tags.

    Concrete dialects set the three tags, and list `stop` and `tags` out in full.
    """

    query_tag: ClassVar[Tag]
    result_tag: ClassVar[Tag]
    answer_tag: ClassVar[Tag]

    def parse(self, text: str) -> Action:
        """Return the first complete action, in the order of the closing tags.

        As in Search-R1's loop (search_r1/llm_agent/generation.py). A closing tag torn
        off at the end counts; an empty or unopened query is invalid.
        """
        text = self._mended(text)
        query, answer = self._first(self.query_tag, text), self._first_answer(text)
        if query is not None and (answer is None or query[1] < answer[1]):
            return self.parse_query(self.query_tag.inside(text, query))
        if answer is not None:
            return Action("answer", text=self.extract_answer(text[slice(*answer)]) or "")
        return Action("invalid", text=self._fault(text))

    def parse_query(self, content: str) -> Action:
        """Return the search that stands between the query tags."""
        query = content.strip()
        if not query:
            return Action("invalid", text=EMPTY_QUERY)
        return Action("search", queries=(query,))

    def split_turn(self, text: str) -> list[TurnPart]:
        """Cut into reason and query, or reason and answer.

        An answer's part starts after the thought that leads to it.
        """
        kind = self.parse(text).kind
        mended = self._mended(text)
        if kind == "search":
            span = self._first(self.query_tag, mended)
            return last_part("query", span[0] if span else 0, len(text))
        if kind == "answer":
            span = self._first_answer(mended)
            return last_part("answer", self._answer_start(text, span), len(text))
        return [TurnPart("reason", 0, len(text))] if text else []

    def wrap_result(self, text: str) -> str:
        return self.result_tag.wrap(text)

    def extract_answer(self, text: str) -> str | None:
        """Return what the last answer tags hold.

        A short answer at the very end counts without its closing tag.
        """
        text = self.answer_tag.mend(text)
        spans = self.answer_tag.spans(text)
        if spans:
            return self.answer_tag.inside(text, spans[-1]).strip()
        start = self.answer_tag.opened(text)
        if start is None:
            return None
        rest = text[start + len(self.answer_tag.open) :].strip()
        short = 0 < len(rest) <= LONGEST_UNCLOSED and "\n" not in rest
        return rest if short and "<" not in rest else None

    def answer_spans(self, text: str) -> list[tuple[int, int]]:
        return self.answer_tag.spans(text)

    def limit_message(self, max_searches: int) -> str:
        """Our own words: see the dialect for what the original does."""
        return self.wrap_result(
            f"No more searches are allowed ({max_searches} at most). Answer with what you "
            "know now."
        )

    def repeat_message(self, query: str) -> str:
        """Our own words, used only where `repeats_searches` is false."""
        return self.wrap_result("You have searched for this before; see that result.")

    def invalid_message(self, reason: str) -> str:
        """Our own words: see the dialect for what the original does."""
        return self.wrap_result(f"No search was made: {reason}.")

    def empty_message(self) -> str:
        """Our own words."""
        return "No results were found for this query."

    def error_message(self) -> str:
        """Our own words; an infrastructure failure is never shown as a finding."""
        return "The search could not be carried out. Its results are not available."

    def force_answer(self) -> str:
        """Our own words up to the opened answer."""
        thought = "I must answer now with what I have found."
        if self.turn_thought is not None:
            return f"{self.turn_thought[0]}{thought}{self.turn_thought[1]}\n{self._opening}"
        return f"{thought}{self.thinking_close or ''}\n\n{self._opening}"

    @property
    def _opening(self) -> str:
        return self.answer_tag.open

    def forced_answer_end(self, text: str) -> int | None:
        close = text.find(self.answer_tag.close)
        return None if close < 0 else close + len(self.answer_tag.close)

    def format_answer(self, answer: str) -> str:
        return self.answer_tag.wrap(answer)

    def format_query(self, query: str) -> str:
        return self.query_tag.wrap(query)

    def _mended(self, text: str) -> str:
        return self.answer_tag.mend(self.query_tag.mend(text))

    def _first(self, tag: Tag, text: str) -> tuple[int, int] | None:
        return next(iter(tag.spans(text)), None)

    def _first_answer(self, text: str) -> tuple[int, int] | None:
        return self._first(self.answer_tag, text)

    def _answer_start(self, text: str, span: tuple[int, int] | None) -> int:
        if span is None:
            return 0
        closes = ("</think>",) if self.thinking_close is None else (self.thinking_close,)
        ends = [
            position + len(close)
            for close in closes
            if (position := text.rfind(close, 0, span[0])) >= 0
        ]
        return max(ends, default=span[0])

    def _fault(self, text: str) -> str:
        for tag in (self.query_tag, self.answer_tag):
            if tag.opened(text) is not None:
                return f"{tag.open} is not closed by {tag.close}"
            if tag.close in text:
                return f"{tag.close} without {tag.open}"
        return "neither a search nor a final answer"
