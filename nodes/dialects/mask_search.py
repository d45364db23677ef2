"""MaskSearch: a list of queries in JSON, results as turns of a function."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from .base import Action, Budgets, Result, TurnPart
from .parts.documents import interleave, text_of
from .parts.literals import read_literal
from .parts.prompt import build_prompt
from .parts.tag import Tag
from .parts.tagged import EMPTY_QUERY, TaggedDialect

SYSTEM = "You are a helpful assistant.\n\n current time：{today}"
"""Wire string (src/multi_agent/utils.py:18-93)."""

INSTRUCTION = (
    "Answer the question below. Think between <think> and </think>. To search, write a "
    'list of queries: <search> [{"query": "your query", "intent": 1}] </search>; what was '
    "found is given to you as <information>. When you know enough, write the answer between "
    "<answer> and </answer>.\n\n{question}"
)
"""Our own words. The original's: src/multi_agent/prompt.py of Alibaba-NLP/MaskSearch."""

MOST_DOCUMENTS = 10
"""Snippets that the queries of a turn are merged to (src/multi_agent/web_news_get.py)."""

LARGEST_NUMBER = 1e300
"""A query that is a number is smaller; one of thousands of digits cannot be written."""

THOUGHT = ("<think>", "</think>")
"""What stands around a thought."""

_FENCE = re.compile(r"^```\w*\s*|\s*```$")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_QUERY = re.compile(rf'"query"\s*:\s*({_STRING.pattern})', re.DOTALL)
_QUERIES = re.compile(r'"queries"\s*:\s*\[')
"""What can be read of JSON that breaks off."""


def read_queries(content: str) -> list[str]:
    """Return the queries of a search, JSON or not; without repeats, in order.

    Read are a list of texts or of objects with a `query`, one such object, and the form of
    the original's function call, an object with `queries`; in Python's quotes too, and as
    far as it goes where it breaks off.

    >>> read_queries('[{"query": "a", "intent": 1}, "b"]'), read_queries(" capital of Peru ")
    (['a', 'b'], ['capital of Peru'])
    >>> read_queries('{"queries": ["a", "b"]}'), read_queries("[{'query': 'a'}]")
    (['a', 'b'], ['a'])
    """
    body = _FENCE.sub("", content.strip())
    try:
        found = json.loads(body)
    except ValueError:
        found = read_literal(body)
        if not isinstance(found, list | dict):
            found = _read_torn(body) or [body]
    except RecursionError:  # thousands of open brackets
        found = [body]
    if not isinstance(found, list | dict | str):
        found = [body]  # a number is searched as it is written
    texts = (text for entry in _listed(found) for text in _listed(_asked(entry)))
    queries = (_query(text).strip() for text in texts)
    return list(dict.fromkeys(query for query in queries if query))


def _query(value: Any) -> str:
    """Return a text, or a year and the like as one; of anything else there is no query."""
    if isinstance(value, str):
        return value
    is_number = isinstance(value, int | float) and abs(value) < LARGEST_NUMBER
    return str(value) if is_number else ""


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _asked(entry: Any) -> Any:
    """Return the query or the queries of an entry; the entry itself where it is a text."""
    return entry.get("query", entry.get("queries")) if isinstance(entry, dict) else entry


def _read_torn(body: str) -> list[str]:
    """Return the whole strings of queries in JSON that breaks off."""
    texts = _QUERY.findall(body)
    start = _QUERIES.search(body)
    if start and not texts:
        texts = _STRING.findall(body, start.end())
    return [_unescaped(text) for text in texts]


def _unescaped(text: str) -> str:
    try:
        return str(json.loads(text, strict=False))
    except ValueError:  # a backslash before what needs none
        return text[1:-1]


class MaskSearchDialect(TaggedDialect):
    """MaskSearch as its training conversations are written (arXiv 2505.20285).

    src/multi_agent/utils.py:18-93. UNVERIFIED: no released model was seen, nor how
    LLaMA-Factory's template renders the turn of role `function`; here it is a tool's turn.
    Spaces inside the JSON and the meaning of `intent` are unverified too. The function
    call that stands beside the search in the original's messages repeats its queries and
    is not written.

    At most 5 rounds (cot_construct.py:130); at least 3 rewritten queries a search there.
    UNVERIFIED too: the tokens of a turn, of which the public code says nothing; the 4,096 are
    our own choice. Limit, repeat and invalid messages are our own words.
    """

    name = "mask_search"
    prompt_source = "Alibaba-NLP/MaskSearch: src/multi_agent/prompt.py"
    layout = "turns"
    result_speaker = "tool"
    stop = ("</search>", "</answer>")
    tags = (
        "<search>",
        "</search>",
        "<information>",
        "</information>",
        "<answer>",
        "</answer>",
    )
    query_tag = Tag("<search>", "</search>")
    result_tag = Tag("<information>", "</information>")
    answer_tag = Tag("<answer>", "</answer>")
    turn_thought = THOUGHT
    reads_found_pages = False
    budgets = Budgets(max_searches=None, max_turns=5, max_turn_tokens=4096, top_k=10)
    forced_turn = True
    forced_stop = ("</answer>",)

    def prompt(self, question: str, **settings: Any) -> list[dict[str, str]]:
        own = [
            {"role": "user", "content": INSTRUCTION},
        ]
        system = [{"role": "system", "content": SYSTEM}]
        given = settings.get("instruction")
        if given and not isinstance(given, str):
            return build_prompt(own, question, settings)
        return [
            *build_prompt(system, question, {**settings, "instruction": None}),
            *build_prompt(own, question, settings),
        ]

    def parse_query(self, content: str) -> Action:
        queries = read_queries(content)
        if not queries:
            return Action("invalid", text=EMPTY_QUERY)
        return Action("search", queries=tuple(queries))

    def wrap_result(self, text: str) -> str:
        return f"<information>：\n\n{text}\n</information>\n"

    def format_documents(self, documents: Sequence[Mapping[str, Any]]) -> str:
        return "\n\n".join(
            f"{doc['title']}\n{text_of(doc)}" if doc.get("title") else text_of(doc)
            for doc in documents
        )

    def join_results(self, results: Sequence[Result]) -> str:
        """Return the documents of all queries round robin; evidence texts one by one.

        Queries that gave nothing are told of only where none gave anything.
        """
        found = [one for one in results if not (one.is_empty or one.failed)]
        if not found:
            return "\n\n".join(dict.fromkeys(one.text for one in results))
        if any(one.text != self.format_documents(one.documents) for one in found):
            return super().join_results(found)
        merged = interleave([one.documents for one in found], MOST_DOCUMENTS)
        return self.format_documents(merged)

    def format_query(self, query: str) -> str:
        return self.format_queries([query])

    def format_queries(self, queries: Sequence[str]) -> str:
        """Return one search for all queries of a turn."""
        listed = [{"query": query, "intent": 1} for query in queries]
        return f"<search> {json.dumps(listed, ensure_ascii=False)} </search>"

    def format_answer(self, answer: str) -> str:
        return f"<answer> {answer} </answer>"

    def format_turn(self, thought: str, action: Action) -> str:
        if action.kind == "answer":
            return super().format_turn(thought, action)
        form = self.format_queries(action.queries)
        before, after = THOUGHT
        return f"{before}{thought}{after}\n{form}" if thought else form

    def force_answer(self) -> str:
        """Our own words, a message of the user."""
        return (
            "No more searches are allowed. Think, then write the answer between <answer> "
            "and </answer>."
        )

    def split_forced(self, text: str) -> list[TurnPart]:
        return self.split_turn(text)


class InlineDialect(MaskSearchDialect):
    """As in reinforcement learning, for which the authors name Search-R1's code.

    UNVERIFIED: that code is not in the repository; Search-R1's insertion is taken.
    """

    name = "mask_search:inline"
    layout = "inline"
    forced_turn = False

    def wrap_result(self, text: str) -> str:
        return f"\n\n<information>{text.strip()}</information>\n\n"

    def force_answer(self) -> str:
        return TaggedDialect.force_answer(self)

    def split_forced(self, text: str) -> list[TurnPart]:
        return TaggedDialect.split_forced(self, text)


DIALECT = MaskSearchDialect
VARIANTS = {"inline": InlineDialect}
