"""Budgets: what a run may spend, held in state.

LangGraph's recursion limit is no guard (it is 10,007), and it ends a run with an error;
a budget ends it with a stop reason and, if wanted, a forced answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..trace import StopReason

ANSWER_RESERVE = 256
"""Tokens kept free for a forced answer."""


def exhausted(run: Mapping[str, Any], counts: Mapping[str, Any]) -> StopReason | None:
    """Return the budget that is spent, None when the model may write another turn."""
    limits = run["limits"]
    if limits["turns"] is not None and counts["turns"] >= limits["turns"]:
        return "turn_limit"
    if limits["invalid"] is not None and counts["invalid"] >= limits["invalid"]:
        return "turn_limit"
    if limits["tokens"] is not None and counts["completion_tokens"] >= limits["tokens"]:
        return "token_limit"
    if limits["seconds"] is not None and counts["seconds"] >= limits["seconds"]:
        return "deadline"
    if context_left(run, counts) == 0:
        return "context_limit"
    return None


def may_search(run: Mapping[str, Any], counts: Mapping[str, Any]) -> bool:
    """Return whether the search of the turn after those counted is carried out."""
    limit = run["limits"].get("searching_turns")
    return limit is None or counts["turns"] < limit


def context_left(run: Mapping[str, Any], counts: Mapping[str, Any]) -> int | None:
    """Return how many tokens the next turn may take in the context, None if unknown."""
    known = [n for n in (run["limits"]["context_tokens"], run["context_limit"]) if n]
    if not known:
        return None
    return max(0, min(known) - counts["context_tokens"] - ANSWER_RESERVE)


def turn_tokens(run: Mapping[str, Any], counts: Mapping[str, Any]) -> int:
    """Return how many tokens the next turn may write."""
    limits = run["limits"]
    caps = [limits["turn_tokens"]]
    if limits["tokens"] is not None:
        caps.append(limits["tokens"] - counts["completion_tokens"])
    left = context_left(run, counts)
    if left is not None:
        caps.append(left)
    return max(1, min(caps))


def answer_tokens(
    run: Mapping[str, Any], counts: Mapping[str, Any], *, whole_turn: bool
) -> int:
    """Return how many tokens a forced answer may write.

    Args:
        run: what was fixed for the run.
        counts: what it has spent.
        whole_turn: whether the answer comes with a thought of its own.
    """
    return max(ANSWER_RESERVE, turn_tokens(run, counts)) if whole_turn else ANSWER_RESERVE


def estimate_tokens(text: str) -> int:
    """Estimate tokens from text where no ids are known: about four characters each."""
    return (len(text) + 3) // 4
