"""The tool-call family: a thought, then one JSON call or the answer; results are messages.

    <think>…</think>
    <tool_call>
    {"name": …, "arguments": {…}}
    </tool_call>

Qwen2.5's form of a tool call and of a tool's result (its chat template), which
DeepResearcher and WebDancer were trained on.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

from ..base import Action, Result, TurnPart
from .literals import read_literal
from .tag import Tag
from .tagged import TaggedDialect
from .turn import last_part

TOOL_CALL = Tag("<tool_call>", "</tool_call>")
TOOL_RESPONSE = Tag("<tool_response>\n", "\n</tool_response>")
THINK = Tag("<think>", "</think>")
ANSWER = Tag("<answer>", "</answer>")

_MARK = re.compile(r"<(?:/?think|/?tool_call|/answer)>")
"""What begins or ends a thought or a call, or ends an answer."""
_CALL_MARK = re.compile("</?tool_call>")


TOOLS_HEAD = (
    "\n\n# Tools\n\nYou may call one or more functions to assist with the user query.\n\n"
    "You are provided with function signatures within <tools></tools> XML tags:\n<tools>"
)
TOOLS_TAIL = (
    "\n</tools>\n\nFor each function call, return a json object with function name and "
    "arguments within <tool_call></tool_call> XML tags:\n<tool_call>\n"
    '{"name": <function-name>, "arguments": <args-json-object>}\n</tool_call>'
)
"""Wire strings of Qwen2.5's chat template, around the tools it puts after a system message."""


@dataclass(frozen=True)
class Tool:
    """One tool of the model: what it is called, and the arguments that matter."""

    name: str
    kind: str
    """`search` or `read`."""
    argument: str
    """Name of the argument that holds the queries or addresses."""
    goal: str = ""
    """Name of the argument that says what a page is read for; empty if there is none."""


class ToolCallDialect(TaggedDialect):
    """Shared by dialects whose turns end with a JSON tool call or an answer.

    Concrete dialects set the tools and the prompt.

    The originals let every turn run to its end token, so a thought may name the tags: while
    one is open (by the model or by `prefill`), only a call that can be carried out ends the
    turn. A thought that is never closed hides nothing once the turn is over.
    """

    layout = "turns"
    result_speaker = "user"
    reads_found_pages = False
    query_tag = TOOL_CALL
    result_tag = TOOL_RESPONSE
    answer_tag = ANSWER
    stop = ("</tool_call>", "</answer>")
    tags = (
        *("<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>"),
        *("<think>", "</think>", "<answer>", "</answer>"),
    )
    turn_thought = (THINK.open, THINK.close)
    repeats_searches = True
    forced_turn = True
    tools: ClassVar[Sequence[Tool]]

    @property
    def server_stop(self) -> tuple[str, ...]:
        return ()  # a server knows no thoughts

    def first_action_end(self, text: str) -> int | None:
        if super().first_action_end(text) is None:  # asked with every token
            return None
        return next(iter(self._scan(text)[1]), None)

    def forced_answer_end(self, text: str) -> int | None:
        if super().forced_answer_end(text) is None:
            return None
        ends = self._scan(text)[1]
        return next((end for end in ends if text.endswith(ANSWER.close, 0, end)), None)

    def extract_answer(self, text: str) -> str | None:
        return super().extract_answer(self._said(text))

    def answer_spans(self, text: str) -> list[tuple[int, int]]:
        return super().answer_spans(self._said(text))

    def parse_query(self, content: str) -> Action:
        """Return the action of a JSON call.

        Tolerant of code fences, of Python's quotes, of text after the object, of
        arguments that are themselves a JSON text, and of one string for a list.
        """
        call = read_call(content)
        if call is None:
            return Action("invalid", text="the tool call is no JSON object")
        name, arguments = call
        tool = next((tool for tool in self.tools if tool.name == name), None)
        if tool is None:
            known = " and ".join(tool.name for tool in self.tools)
            return Action("invalid", text=f"there is no tool {name!r}, only {known}")
        values = _strings(arguments.get(tool.argument))
        if not values:
            return Action("invalid", text=f"{name} needs {tool.argument!r}")
        if tool.kind == "search":
            return Action("search", queries=values)
        given = arguments.get(tool.goal) if tool.goal else ""
        goal = given if isinstance(given, str) else " ".join(_strings(given))
        return Action("read", url=values[0], urls=values, goal=goal)

    def split_turn(self, text: str) -> list[TurnPart]:
        """Cut into reason and query, call or answer."""
        if self.parse(text).kind != "read":
            return super().split_turn(text)
        start = self.query_tag.spans(self._mended(text))[0][0]
        return last_part("call", start, len(text))

    def format_query(self, query: str) -> str:
        return self.format_action(Action("search", queries=(query,)))

    def format_action(self, action: Action) -> str:
        """Return a search, a read or an answer in the dialect's form."""
        if action.kind == "answer":
            return self.format_answer(action.text)
        tool = next(tool for tool in self.tools if tool.kind == action.kind)
        values = action.queries if action.kind == "search" else action.urls or (action.url,)
        arguments: dict[str, Any] = {tool.argument: list(values)}
        if tool.goal and action.kind == "read":
            arguments[tool.goal] = action.goal
        call = {"name": tool.name, "arguments": arguments}
        return self.query_tag.wrap(f"\n{json.dumps(call, ensure_ascii=False)}\n")

    def format_turn(self, thought: str, action: Action) -> str:
        """Return a whole turn: the thought in its tags, then the action."""
        return f"{THINK.wrap(thought)}\n{self.format_action(action)}"

    def read_turn(self, text: str) -> tuple[str, Action]:
        """Return the thought and the action of a turn; `format_turn` gives it back."""
        thought, closed, _ = text.partition(THINK.close)
        thought = thought.removeprefix(THINK.open) if closed else ""
        return thought, self.parse(text)

    def limit_message(self, max_searches: int) -> str:
        """Our own words; the originals know no limit of searches."""
        return self.wrap_result(
            f"No more searches are allowed ({max_searches} at most). Answer with what you "
            "know now."
        )

    def invalid_message(self, reason: str) -> str:
        """Our own words."""
        return self.wrap_result(
            f"Nothing was done: {reason}. End your turn with one tool call, or with your "
            f"answer between {ANSWER.open} and {ANSWER.close}."
        )

    def force_answer(self) -> str:
        """Our own words, a message of the user."""
        return (
            "There is no more room for tool calls. Answer now with what you have found, "
            f"in one pair of {ANSWER.open} tags."
        )

    def split_forced(self, text: str) -> list[TurnPart]:
        return self.split_turn(text)

    def _mended(self, text: str) -> str:
        return self._said(super()._mended(self._said(text)))

    def _said(self, text: str) -> str:
        """Return the text, as long as it was, with spaces for what thoughts hold."""
        pieces, position = [], 0
        for start, end in self._scan(text)[0]:
            pieces += [text[position:start], " " * (end - start)]
            position = end
        return "".join([*pieces, text[position:]])

    def _scan(self, text: str) -> tuple[list[tuple[int, int]], list[int]]:
        """Return (start, end) of what each ended thought holds, and where actions end.

        A call that can be carried out ends the thought it stands in, and may name any tag.
        """
        thoughts: list[tuple[int, int]] = []
        ends: list[int] = []
        thought = 0 if THINK.open in self.prefill else None
        called = 0
        for mark in _MARK.finditer(text):
            tag, start, end = mark[0], mark.start(), mark.end()
            if start < called:
                continue
            stop = self._call_end(text, end) if tag == TOOL_CALL.open else None
            if thought is not None and (stop or tag == THINK.close):
                thoughts.append((thought, start))
                thought = None
            elif tag == THINK.open and thought is None:
                thought = end
            if stop:
                ends.append(stop)
                called = stop
            elif thought is None and tag in (TOOL_CALL.close, ANSWER.close):
                ends.append(end)
        return thoughts, ends

    def _call_end(self, text: str, start: int) -> int | None:
        """Return where the call that begins there ends, if it can be carried out."""
        mark = _CALL_MARK.search(text, start)
        if mark is None or mark[0] == TOOL_CALL.open:
            return None
        action = self.parse_query(text[start : mark.start()])
        return None if action.kind == "invalid" else mark.end()


def with_tools(system: str, tools: Sequence[Mapping[str, Any]]) -> str:
    r"""Return a system message as Qwen2.5's chat template writes it when it is given tools.

    A message that brings its own tools stays as it is.

    >>> with_tools("S", [{"name": "a"}]).splitlines()[7:10]
    ['<tools>', '{"name": "a"}', '</tools>']
    """
    if "<tools>" in system:
        return system
    listed = "".join(f"\n{json.dumps(tool, ensure_ascii=False)}" for tool in tools)
    return f"{system}{TOOLS_HEAD}{listed}{TOOLS_TAIL}"


@lru_cache(maxsize=1024)  # while a thought is open, every token asks for all calls in it
def read_call(content: str) -> tuple[str, Mapping[str, Any]] | None:
    r"""Return name and arguments of a call, None where there is no such object.

    >>> read_call('{"name": "search", "arguments": {"query": ["a"]}} and so on')
    ('search', {'query': ['a']})
    >>> read_call("{'name': 'search', 'arguments': '{\"query\": \"a\"}'}")
    ('search', {'query': 'a'})
    """
    start = content.find("{")
    call = _object(content[start:]) if start >= 0 else None
    if call is None:
        return None
    arguments = call.get("arguments", call.get("parameters"))
    if isinstance(arguments, str):
        arguments = _object(arguments)
    name = call.get("name")
    if not isinstance(name, str) or not isinstance(arguments, Mapping):
        return None
    return name, arguments


def _object(text: str) -> dict[str, Any] | None:
    try:
        found, _ = json.JSONDecoder(strict=False).raw_decode(text.strip())
    except ValueError:
        found = read_literal(text)
    except RecursionError:
        return None
    return found if isinstance(found, dict) else None


def _strings(value: Any) -> tuple[str, ...]:
    values = value if isinstance(value, list | tuple) else [value]
    texts = (one.strip() for one in values if isinstance(one, str))
    return tuple(text for text in texts if text)


def result_texts(results: Sequence[Result]) -> list[str]:
    """Return the texts of results, without the white space around them."""
    return [result.text.strip() for result in results]
