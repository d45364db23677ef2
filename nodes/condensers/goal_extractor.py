"""Goal extractor: what a page says about the goal it was opened for.

WebDancer's and WebSailor's reader of pages (WebAgent/WebDancer tools/private/visit.py): a
model gives a JSON object `{rational, evidence, summary}`, of which the evidence and the
summary are shown. Its instruction is in our own words.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .asking import Asking, AskingCondenser, without_thought
from .base import CondenseRequest

PAGE_CHARS = 28_000
"""Characters of the page that the model reads, some 7,000 tokens; our own choice (the
original's limit is unverified)."""

TRIES = 3
"""How often a reply that is no such object is asked for again, the page cut to half each
time; our own choice."""

PROMPT = (
    "Someone opened a web page with a goal in mind. Find in the page what serves it.\n\n"
    "**Page**\n{page}\n\n"
    "**Goal**\n{goal}\n\n"
    "Reply with one JSON object and nothing else, with these three strings:\n"
    '"rational": which parts of the page bear on the goal, and why;\n'
    '"evidence": the passages of the page that matter, in full and in its own words;\n'
    '"summary": what follows from them for the goal, in one paragraph.\n'
)
"""Our own words; the three keys are the original's."""


class GoalExtractor(AskingCondenser):
    """Extracts evidence and a summary for the goal from one page."""

    name = "goal_extractor"
    own_prompt = PROMPT
    needed = ("page", "goal")

    def ask(self, request: CondenseRequest) -> Asking:
        """Ask for the object; on a reply that is none, ask again about half the page."""
        document = request.documents[0]
        goal = request.goal or request.query or request.question
        chars = PAGE_CHARS
        for _ in range(TRIES):
            found = read_object((yield self.fill(page=document.text[:chars], goal=goal)))
            if found is not None:
                return format_findings(found["evidence"], found["summary"])
            chars //= 2
        return ""

    def has_result(self, said: str) -> bool:
        return read_object(said) is not None

    def fallback_text(self, request: CondenseRequest, text: str) -> str:
        return format_findings(text, "")


def read_object(reply: str) -> dict[str, str] | None:
    r"""Return the object in a reply; tolerant of fences, of words around it, of types.

    >>> read_object('Here: {"evidence": ["a", "b"], "summary": "c"}')["evidence"]
    'a\nb'
    >>> read_object("none") is None
    True
    """
    said = without_thought(reply)
    # Not a pattern: one reads a reply of many open braces again from each of them.
    start, end = said.find("{"), said.rfind("}") + 1
    try:
        found = json.loads(said[start:end], strict=False) if 0 <= start < end else None
    except ValueError:
        return None
    if not isinstance(found, Mapping) or not {"evidence", "summary"} & found.keys():
        return None
    return {name: _string(found.get(name)) for name in ("evidence", "summary")}


def _string(value: Any) -> str:
    if isinstance(value, list):
        return "\n".join(_string(one) for one in value)
    return "" if value is None else str(value)


def format_findings(evidence: str, summary: str) -> str:
    """Return the two as the original shows them (visit.py:13-168); empty if both are."""
    if not (evidence.strip() or summary.strip()):
        return ""
    return f"Evidence in page: \n{evidence}\n\nSummary: \n{summary}"
