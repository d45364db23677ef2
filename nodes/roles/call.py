"""What a role is given: the task as it stands, and the call it makes of it."""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..dialects import Dialect

FOUND_CHARS = 6_000
"""Characters of one round's results that a role reads; our own choice."""

NOTHING_DONE = "Nothing has been searched yet."


@dataclass(frozen=True)
class RoleCall:
    """One request to the model that plays a role."""

    role: str
    prompt: str

    @property
    def messages(self) -> list[dict[str, str]]:
        """The request as chat messages."""
        return [{"role": "user", "content": self.prompt}]


RoleTurn = Generator[RoleCall, str, str]
"""Yields calls, is sent their replies, returns the turn's text in the run's dialect."""


@dataclass(frozen=True)
class Round:
    """One thought round that is over: what was asked, and what came of it."""

    queries: tuple[str, ...]
    found: str


@dataclass(frozen=True)
class Task:
    """The question and the rounds so far."""

    question: str
    rounds: tuple[Round, ...] = ()

    @property
    def asked(self) -> frozenset[str]:
        """Every query so far."""
        return frozenset(query for one in self.rounds for query in one.queries)

    def searches_text(self) -> str:
        """Return the queries of each round, a line a round."""
        lines = [
            f"Round {number}: {'; '.join(one.queries)}"
            for number, one in enumerate(self.rounds, 1)
        ]
        return "\n".join(lines) or NOTHING_DONE

    def found_text(self) -> str:
        """Return the queries and the results of each round."""
        texts = [
            f"Round {number}: {'; '.join(one.queries)}\n{one.found[:FOUND_CHARS]}"
            for number, one in enumerate(self.rounds, 1)
        ]
        return "\n\n".join(texts) or NOTHING_DONE


def read_task(
    question: str, segments: Sequence[Mapping[str, Any]], dialect: Dialect
) -> Task:
    """Return the task as a run's transcript shows it; notices belong to their round."""
    turns: dict[int, list[Mapping[str, Any]]] = {}
    for segment in segments:
        if segment["kind"] != "prompt":
            turns.setdefault(segment["turn"], []).append(segment)
    return Task(question, tuple(_round(turns[turn], dialect) for turn in sorted(turns)))


def _round(segments: Sequence[Mapping[str, Any]], dialect: Dialect) -> Round:
    queries = [
        query
        for segment in segments
        if segment["kind"] == "query"
        for query in dialect.parse(segment["text"]).queries
    ]
    found = [s["text"].strip() for s in segments if s["kind"] in ("result", "notice")]
    return Round(tuple(queries), "\n".join(found))


def fill(prompt: str, **parts: str) -> str:
    """Return a prompt with its `{name}` places filled, in one pass.

    One pass, so that a page or a question which says `{question}` is not filled in.
    """
    return re.sub(r"\{(\w+)\}", lambda match: parts.get(match[1], match[0]), prompt)
