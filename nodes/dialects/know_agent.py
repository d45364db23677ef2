"""KnowAgent: numbered plain-text steps after a prompt with examples (arXiv 2403.03101).

    ActionPath 1: Start
    Thought 1: …
    Action 1: Search[topic]
    Observation 1: …

Only for traces that were recorded: an observation bears the number of its step, which a
function over text cannot know, so no run speaks this dialect. Actions: `Search` and
`Retrieve` find something, `Lookup` gives the next sentence with a keyword, `Finish` answers
(zjunlp/KnowAgent). The model is taken to have written all but the observations, labels
included, as its fine-tuning pairs have it.
"""

from __future__ import annotations

import re
from typing import Any

from .base import Action, Dialect, TurnPart
from .parts.prompt import build_prompt
from .parts.turn import last_part

INSTRUCTION = (
    "Answer the question step by step. Each step is a line `ActionPath n:` with the actions "
    "so far, a line `Thought n:`, and a line `Action n:` with one of Search[topic], "
    "Retrieve[entity], Lookup[keyword] and Finish[answer]; an `Observation n:` follows.\n"
    "Question: {question}\n"
)
"""Our own words; the original's, with its examples, opens every recorded prompt."""

_ACTION = re.compile(r"^Action \d+: *(\w+)\[(.*)\] *$", re.MULTILINE)
_FINISH = re.compile(r"^Action \d+: *Finish\[(.*)\] *$", re.MULTILINE)


class KnowAgentDialect(Dialect):
    """The form of the recorded HotpotQA rollouts."""

    name = "know_agent"
    use = "recorded"
    stop = ("\nObservation",)
    tags = ()
    uses_chat_template = False

    def prompt(self, question: str, **settings: Any) -> list[dict[str, str]]:
        own = [{"role": "user", "content": INSTRUCTION}]
        return build_prompt(own, question, settings)

    def parse(self, text: str) -> Action:
        """Return the action of the last step."""
        found = _ACTION.findall(text)
        if not found:
            return Action("invalid", text="no line `Action n:` with a known form")
        name, argument = found[-1]
        if name == "Finish":
            return Action("answer", text=argument.strip())
        if not argument.strip():
            return Action("invalid", text=f"{name} is given nothing")
        if name in ("Search", "Retrieve"):
            return Action("search", queries=(argument.strip(),))
        if name == "Lookup":
            return Action("read", goal=argument.strip())
        return Action("invalid", text=f"there is no action {name!r}")

    def split_turn(self, text: str) -> list[TurnPart]:
        """Cut before the line of the action."""
        kinds: dict[str, Any] = {"search": "query", "read": "call", "answer": "answer"}
        kind = kinds.get(self.parse(text).kind)
        if kind is None:
            return [TurnPart("reason", 0, len(text))] if text else []
        start = [match.start() for match in _ACTION.finditer(text)][-1]
        return last_part(kind, start, len(text))

    def wrap_result(self, text: str) -> str:
        return f"Observation: {text}\n"

    def extract_answer(self, text: str) -> str | None:
        found = _FINISH.findall(text)
        return found[-1].strip() if found else None

    def answer_spans(self, text: str) -> list[tuple[int, int]]:
        return [match.span() for match in _FINISH.finditer(text)]

    def limit_message(self, max_searches: int) -> str:
        return self.wrap_result("No more searches are allowed.")

    def repeat_message(self, query: str) -> str:
        return self.wrap_result("That was searched before.")

    def invalid_message(self, reason: str) -> str:
        return self.wrap_result(f"Nothing was done: {reason}.")

    def empty_message(self) -> str:
        return "No results found."

    def error_message(self) -> str:
        return "The search could not be carried out."

    def force_answer(self) -> str:
        return "Action: Finish["

    def forced_answer_end(self, text: str) -> int | None:
        close = text.find("]")
        return None if close < 0 else close + 1

    def format_answer(self, answer: str) -> str:
        return f"Finish[{answer}]"

    def format_query(self, query: str) -> str:
        return f"Search[{query}]"


DIALECT = KnowAgentDialect
