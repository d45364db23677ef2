"""DeepResearcher: web_search and browse_webpage as JSON tool calls, results as tool turns.

Qwen2.5's chat template with tools writes both: a call between `<tool_call>` tags after the
thought, a result as a user message between `<tool_response>` tags. Each turn of the model
is opened with `<think>` (scrl/llm_agent/generation.py:411-415), in training as at inference.

A result is a list that is put into the message as it is (:463-482), and the template prints
it: the model reads Python's form, in single quotes where it can. Every object's keys are in the
order of the alphabet, as its real observations have them (signal/data_search.json,
data_read.json): they pass through a server that sorts them. Variant `json` writes the same as
JSON, for a model of one's own.

Unverified: the white space before `<answer>`. The originals' instruction: the system
message in scrl/llm_agent/generation.py:136-202, to which the template adds the tools; so it
does here, whatever the instruction, unless a prompt file brings a `<tools>` block or the whole
prompt. The original ends a trajectory at the first malformed call (:339-379); here the model
is told, and `force_answer=false` with `max_turns` gives the original's outcome. It also browses
only addresses of its last search; here any safe address is read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from .base import Action, Budgets, Result
from .parts.literals import read_json_list, read_literal_list
from .parts.prompt import build_prompt
from .parts.tool_calls import (
    THINK,
    Tool,
    ToolCallDialect,
    with_tools,
)

SEARCH, BROWSE = "web_search", "browse_webpage"

TOOLS = (
    {
        "type": "function",
        "function": {
            "name": SEARCH,
            "description": "Searches the web with each query; gives title, address and a "
            "short summary of every page found.",
            "parameters": {
                "type": "object",
                "properties": {
                    "query": {
                        "type": "array",
                        "items": {"type": "string", "description": "A query."},
                        "description": "The queries.",
                    }
                },
                "required": ["query"],
                "minItems": 1,
                "uniqueItems": True,
            },
        },
    },
    {
        "type": "function",
        "function": {
            "name": BROWSE,
            "description": "Reads web pages and gives what they say about the question.",
            "parameters": {
                "type": "object",
                "properties": {
                    "url_list": {
                        "type": "array",
                        "items": {"type": "string", "description": "An address."},
                        "description": "Addresses from the last search.",
                    }
                },
                "required": ["url_list"],
            },
        },
    },
)
"""The tools' names and arguments are the original's, the descriptions our own words."""

SYSTEM = (
    "## Background information \n* Today is {today}\n"
    "* You answer questions by searching the web and reading pages.\n\n"
    "Plan, search, compare what several pages say, and change the plan when it leads "
    "nowhere. Think between <think> and </think> first; then either call one tool, or give "
    "the answer, as short as it can be, between <answer> and </answer>."
)
"""Our own words after the original's heading; the template's tools follow."""


class DeepResearcherDialect(ToolCallDialect):
    """The released 7B model's form; see the module.

    Limits: 10 turns of 2,000 tokens, each after a prompt of at most 30,767.
    """

    name = "deep_researcher"
    prompt_source = "GAIR-NLP/DeepResearcher: scrl/llm_agent/generation.py:136-202"
    tools = (Tool(SEARCH, "search", "query"), Tool(BROWSE, "read", "url_list"))
    prefill = THINK.open
    page_condenser = "paging_reader"
    budgets = Budgets(
        max_searches=None,
        max_turns=10,
        max_turn_tokens=2000,
        top_k=10,
        max_context_tokens=30_767 + 2000,
    )
    queries_a_turn = 3
    """The first three queries of a call are run (handler.py:285)."""

    def prompt(self, question: str, **settings: Any) -> list[dict[str, str]]:
        own = [
            {"role": "system", "content": SYSTEM},
            {"role": "user", "content": "{question}"},
        ]
        messages = build_prompt(own, question, settings)
        if isinstance(settings.get("instruction"), list):
            return messages  # a whole prompt
        system, *others = messages
        return [{**system, "content": with_tools(system["content"], TOOLS)}, *others]

    def extract_answer(self, text: str) -> str | None:
        """Return what the first answer tags hold, as the reward does."""
        text = self.answer_tag.mend(self._said(text))
        spans = self.answer_tag.spans(text)
        if not spans:
            return super().extract_answer(text)
        return self.answer_tag.inside(text, spans[0]).strip()

    def format_turn(self, thought: str, action: Action) -> str:
        """Return a whole turn after its opening `<think>`."""
        return super().format_turn(thought, action).removeprefix(THINK.open)

    def format_documents(self, documents: Sequence[Mapping[str, Any]]) -> str:
        return self.write_list([_page_info(document) for document in documents])

    def join_results(self, results: Sequence[Result]) -> str:
        """Return one list: an object for each query, or for each page read."""
        found = [_browsed(r) if r.url else self._searched(r) for r in results]
        return self.write_list(found)

    def write_list(self, value: list[dict[str, Any]]) -> str:
        """Return a list as the chat template prints it."""
        return repr(value)

    def read_list(self, text: str) -> list[Any] | None:
        """Return the list that `write_list` wrote, None where it did not write the text."""
        return read_literal_list(text)

    def _searched(self, result: Result) -> dict[str, Any]:
        """Return a query's pages; an empty list where none was found or the search failed."""
        infos = [] if result.failed or result.is_empty else self.read_list(result.text)
        if infos is None:
            # Condensed in another way: the text is all there is.
            infos = [{"quick_summary": result.text, "title": "", "url": ""}]
        return {"search_query": result.query, "web_page_info_list": infos}


class JsonDialect(DeepResearcherDialect):
    """The same with results as JSON; the keys keep their order."""

    name = "deep_researcher:json"

    def write_list(self, value: list[dict[str, Any]]) -> str:
        return json.dumps(value, ensure_ascii=False)

    def read_list(self, text: str) -> list[Any] | None:
        return read_json_list(text)


def _page_info(document: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "quick_summary": document.get("snippet") or document.get("text", ""),
        "title": document.get("title", ""),
        "url": document.get("url", ""),
    }


def _browsed(result: Result) -> dict[str, Any]:
    """Return a page's findings; an empty list where it gave none or could not be read."""
    if result.failed or result.is_empty:
        return {"information": [], "url": result.url}
    information = read_json_list(result.text)  # what the paging reader writes
    if information is None:
        information = [{"page_number": 0, "page_summary": result.text}]
    return {"information": information, "url": result.url}


DIALECT = DeepResearcherDialect
VARIANTS = {"json": JsonDialect}
