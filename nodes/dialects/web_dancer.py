"""WebDancer: ReAct in chat messages, several queries a call, pages visited with a goal.

What the released trajectories hold (Alibaba-NLP/DeepResearch, WebAgent/WebDancer/datasets/
sample_traj.jsonl): an assistant turn is `<think>`, a tool call or an answer, each tag on a
line of its own; a tool's result is a user message. The trajectories are what the model was
fine-tuned on. The demo (demos/agents/search_agent.py:42-100) speaks to the same model with
another system prompt and opens each turn with `<think>`: variant `demo`.

Unverified: the words for a search without results, for a page that cannot be read and for one
that says nothing of its goal, and the limit of tokens a turn. The originals' instructions: the
first two messages of any trajectory; for the demo, demos/agents/search_agent.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from .base import Action, Budgets, Result
from .parts.prompt import build_prompt
from .parts.tool_calls import Tool, ToolCallDialect

SEARCH, VISIT = "search", "visit"
BETWEEN_RESULTS = "\n=======\n"
"""Between the results of a call (tools/private/search.py:28-93)."""

TOOLS = (
    {
        "name": SEARCH,
        "description": "Searches the web with each query of the array `query` and gives the "
        "first 10 results of each.",
        "parameters": {
            "type": "object",
            "properties": {
                "query": {
                    "type": "array",
                    "items": {"type": "string"},
                    "description": "Queries that complement each other.",
                }
            },
            "required": ["query"],
        },
    },
    {
        "name": VISIT,
        "description": "Opens web pages and gives what they say about a goal.",
        "parameters": {
            "type": "object",
            "properties": {
                "url": {
                    "type": "array",
                    "items": {"type": "string"},
                    "description": "Addresses of the pages.",
                },
                "goal": {"type": "string", "description": "What is wanted from them."},
            },
            "required": ["url", "goal"],
        },
    },
)
"""The tools' names and arguments are the original's, the descriptions our own words."""

SYSTEM = (
    "You look for information on the web and answer questions. Search and read until what "
    "you found settles the question; check it against another source where you can; mind "
    "dates and details.\nCurrent date: {today}"
)
"""Our own words; the last line is the trajectories'."""

USER = (
    "You answer the user's question with these tools:\n<tools>\n"
    + ",\n".join(json.dumps(tool, indent=2) for tool in TOOLS)
    + "\n</tools>\n\n"
    "First think, then call one tool and wait for its response, as often as you need; at "
    "last think and answer. Each stands between its tags:\n"
    "<think> your thoughts </think>\n"
    "<tool_call>\n"
    '{"name": "a tool\'s name", "arguments": {"its parameter": "value"}}\n'
    "</tool_call>\n"
    "<tool_response>\nwhat the tool gives\n</tool_response>\n"
    "<think> your thoughts </think>\n"
    "<answer> your answer </answer>\n\n"
    "User: {question}"
)
"""Our own words in the trajectories' order: tools, form, and the question at the end."""

PAGE_NOT_READ = "The page could not be read."
"""Our own words."""

NOTHING_ON_PAGE = "The page says nothing about this goal."
"""Our own words, the summary of a page without findings; its evidence is empty, as the goal
extractor writes it."""

_VISIT_FORM = re.compile(r"Evidence in page: \n.*\n\nSummary: \n.*", re.DOTALL)


class WebDancerDialect(ToolCallDialect):
    """The form of the released trajectories."""

    name = "web_dancer"
    prompt_source = (
        "Alibaba-NLP/DeepResearch: first two messages of "
        "WebAgent/WebDancer/datasets/sample_traj.jsonl; demo "
        "demos/agents/search_agent.py"
    )
    tools = (Tool(SEARCH, "search", "query"), Tool(VISIT, "read", "url", "goal"))
    budgets = Budgets(max_searches=None, max_turns=50, max_turn_tokens=10_000, top_k=10)
    """50 model calls (search_agent.py:42-100)."""
    queries_a_turn = 3
    """The first three queries of a call are run (tools/private/search.py)."""

    def prompt(self, question: str, **settings: Any) -> list[dict[str, str]]:
        own = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": USER}]
        return build_prompt(own, question, settings)

    def format_answer(self, answer: str) -> str:
        return self.answer_tag.wrap(f"\n{answer}\n")

    def format_turn(self, thought: str, action: Action) -> str:
        return super().format_turn(f"\n{thought}\n", action)

    def read_turn(self, text: str) -> tuple[str, Action]:
        thought, action = super().read_turn(text)
        return thought.removeprefix("\n").removesuffix("\n"), action

    def format_documents(self, documents: Sequence[Mapping[str, Any]]) -> str:
        """Return the numbered results, without the heading that names their query."""
        return "\n\n".join(
            _entry(number, document) for number, document in enumerate(documents, 1)
        )

    def join_results(self, results: Sequence[Result]) -> str:
        """Return every query's or page's result under its heading."""
        return BETWEEN_RESULTS.join(_headed(result) for result in results)

    def wrap_result(self, text: str) -> str:
        # A line break stands after the last result in every trajectory.
        return self.result_tag.wrap(f"{text}\n")


def _entry(number: int, document: Mapping[str, Any]) -> str:
    date = document.get("date")
    dated = f"\nDate published: {date}" if date else ""
    snippet = document.get("snippet") or document.get("text")
    said = f"\n{snippet}" if snippet else ""
    return (
        f"{number}. [{document.get('title', '')}]({document.get('url', '')}){dated}\n{said}"
    )


def _headed(result: Result) -> str:
    if result.url:
        return (
            f"The useful information in {result.url} for user goal {result.goal} as "
            f"follows: \n\n{_visited(result)}"
        )
    if not result.documents:
        return result.text
    return (
        f"A Google search for '{result.query}' found {len(result.documents)} results:\n\n"
        f"## Web Results\n{result.text}"
    )


def _visited(result: Result) -> str:
    if result.failed:
        return PAGE_NOT_READ
    if _VISIT_FORM.fullmatch(result.text):
        return result.text
    said, summary = ("", NOTHING_ON_PAGE) if result.is_empty else (result.text, "")
    return f"Evidence in page: \n{said}\n\nSummary: \n{summary}"


class WebDancerDemoDialect(WebDancerDialect):
    """The demo's form: every turn of the model is opened with its thought.

    The original's system prompt differs too; a prompt file brings it.
    """

    name = "web_dancer:demo"
    prefill = "<think>\n"


DIALECT = WebDancerDialect
VARIANTS = {"demo": WebDancerDemoDialect}
