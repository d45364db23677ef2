"""The special-token family: Search-o1's tags, inline, a boxed answer."""

from __future__ import annotations

from ..base import Action, Dialect, TurnPart
from .boxed import boxed_spans, closing_brace, last_boxed
from .tag import Tag
from .turn import last_part

BEGIN_QUERY = "<|begin_search_query|>"
END_QUERY = "<|end_search_query|>"
BEGIN_RESULT = "<|begin_search_result|>"
END_RESULT = "<|end_search_result|>"
"""Wire strings of Search-o1 (scripts/run_search_o1.py:40-43), SimpleDeepSearcher and
WebThinker."""

QUERY = Tag(BEGIN_QUERY, END_QUERY)


class SpecialTokenDialect(Dialect):
    """Shared by the dialects that search with `<|begin_search_query|>`."""

    condenser = "reason_in_documents"
    stop = (END_QUERY,)
    tags = (BEGIN_QUERY, END_QUERY, BEGIN_RESULT, END_RESULT)

    def parse(self, text: str) -> Action:
        """Return a search when the turn ends with a query, else an answer or invalid.

        The last query counts, as in the reference. An empty or unopened query is
        invalid (the reference ends the run there without a word to the model). A closing
        tag torn off at the end counts.
        """
        text = QUERY.mend(text)
        if text.rstrip().endswith(END_QUERY):
            start = text.rfind(BEGIN_QUERY)
            if start < 0:
                return Action("invalid", text=f"{END_QUERY} without {BEGIN_QUERY}")
            query = text[start + len(BEGIN_QUERY) : text.rfind(END_QUERY)].strip()
            if not query:
                return Action("invalid", text="the search query is empty")
            return Action("search", queries=(query,))
        answer = self.extract_answer(text)
        if answer is not None:
            return Action("answer", text=answer)
        if BEGIN_QUERY in text:
            return Action("invalid", text=f"the query is not closed by {END_QUERY}")
        return Action("invalid", text="neither a search nor a final answer")

    def split_turn(self, text: str) -> list[TurnPart]:
        """Cut into reason and query, or reason and answer."""
        if self.parse(text).kind == "search":
            return last_part("query", text.rfind(BEGIN_QUERY), len(text))
        spans = boxed_spans(text)
        if spans:
            close = text.rfind("</think>", 0, spans[-1][0])
            start = (
                close + len("</think>") if close >= 0 else _line_start(text, spans[-1][0])
            )
            return last_part("answer", start, len(text))
        return [TurnPart("reason", 0, len(text))] if text else []

    def wrap_result(self, text: str) -> str:
        return f"\n\n{BEGIN_RESULT}{text}{END_RESULT}\n\n"

    def extract_answer(self, text: str) -> str | None:
        return last_boxed(text)

    def answer_spans(self, text: str) -> list[tuple[int, int]]:
        return [(start, end + 1) for start, _, end in boxed_spans(text)]

    def limit_message(self, max_searches: int) -> str:
        return self._notice(
            "The maximum search limit is exceeded. You are not allowed to search."
        )

    def repeat_message(self, query: str) -> str:
        return self._notice(
            "You have searched this query. Please refer to previous results."
        )

    def invalid_message(self, reason: str) -> str:
        return self._notice(f"No search was made: {reason}.")

    def empty_message(self) -> str:
        """Return Search-o1's words for pages that do not help (evaluate.py:20-29)."""
        return "No helpful information found."

    def error_message(self) -> str:
        return "The search could not be carried out. Its results are not available."

    def force_answer(self) -> str:
        return "\n\nI must answer now with what I have found.\n\n\\boxed{"

    def forced_answer_end(self, text: str) -> int | None:
        brace = closing_brace(text, 0)  # `force_answer` has opened the box
        return None if brace is None else brace + 1

    def format_answer(self, answer: str) -> str:
        return f"\\boxed{{{answer}}}"

    def format_query(self, query: str) -> str:
        return f"{BEGIN_QUERY}{query}{END_QUERY}"

    @staticmethod
    def _notice(sentence: str) -> str:
        # Other white space than a result's (SimpleDeepSearcher inference.py:599 and 607).
        return f"\n{BEGIN_RESULT}\n{sentence}\n{END_RESULT}\n"


def _line_start(text: str, position: int) -> int:
    return text.rfind("\n", 0, position) + 1
