"""Planner: splits what is still unknown of a question into searches."""

from __future__ import annotations

from dataclasses import dataclass

from .call import RoleCall, Task, fill
from .labels import first, read_labels

NAME = "planner"

MOST_SEARCHES = 3
"""Searches planned for one round; our own choice."""

PROMPT = (
    "You plan how a question is answered with a search engine. Split what is still unknown "
    "into searches that can be made now; what depends on their results is planned later.\n\n"
    "Question: {question}\n\n"
    "Searched so far:\n{searches}\n\n"
    "Still missing: {missing}\n\n"
    "Reply in these lines:\n"
    "Thought: what has to be found next and why, in one or two sentences\n"
    "Search: what one search is to find, in words that stand on their own (a line of this "
    "kind for each search, at most {most})\n"
)
"""Our own words. The original's: src/multi_agent/prompt.py of Alibaba-NLP/MaskSearch."""


@dataclass(frozen=True)
class Plan:
    """What to find next."""

    thought: str = ""
    searches: tuple[str, ...] = ()


def plan_call(task: Task, missing: str = "") -> RoleCall:
    """Return the request for a plan.

    Args:
        task: the question and the rounds so far.
        missing: what the observer misses; empty at the start.
    """
    prompt = fill(
        PROMPT,
        question=task.question,
        searches=task.searches_text(),
        missing=missing or "everything that the question asks for",
        most=str(MOST_SEARCHES),
    )
    return RoleCall(NAME, prompt)


def read_plan(reply: str) -> Plan:
    """Return the plan in a reply; without searches where it has no such line."""
    said = read_labels(reply, ("Thought", "Search"))
    searches = tuple(dict.fromkeys(said["Search"]))
    return Plan(first(said["Thought"]), searches[:MOST_SEARCHES])
