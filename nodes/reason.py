"""Reason: the model continues the transcript until its first complete action."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.types import Send
from typing_extensions import TypedDict

from .budget import estimate_tokens, exhausted, may_search, turn_tokens
from .components import Components, sampling_of
from .deadline import Deadline
from .dialects import Action, Dialect, TurnPart
from .models.base import ContextOverflowError, Generation, Sampling
from .thoughts import context_tokens, seen

State = Mapping[str, Any]


ACTIONS = ("search", "recall", "read", "answer")
"""Kinds of action that every agent carries out."""


class Reason:
    """One model turn."""

    def __init__(self, components: Components, *, tools: Sequence[str] = ()) -> None:
        """Make the step.

        Args:
            components: the parts of the agent.
            tools: kinds of action that the graph carries out besides those of every
                agent; each is the name of the step that does it.
        """
        self._components = components
        self._tools = tools

    def run(self, state: State, config: RunnableConfig) -> dict[str, Any]:
        """Return the turn's segments and the action under way, or why the run stops."""
        stop = exhausted(state["run"], state["counts"])
        if stop:
            return _stop(stop)
        reasoner, arguments = self._call(state, config)
        started = time.monotonic()
        try:
            generation = reasoner.generate(_transcript(state), **arguments)
        except ContextOverflowError:
            return _stop("context_limit")
        seconds = time.monotonic() - started
        return self._update(state, arguments["cut"], generation, seconds)

    async def arun(self, state: State, config: RunnableConfig) -> dict[str, Any]:
        """Async version of `run`."""
        await self._components.aready(state["run"])
        stop = exhausted(state["run"], state["counts"])
        if stop:
            return _stop(stop)
        reasoner, arguments = self._call(state, config)
        started = time.monotonic()
        try:
            generation = await reasoner.agenerate(_transcript(state), **arguments)
        except ContextOverflowError:
            return _stop("context_limit")
        seconds = time.monotonic() - started
        return self._update(state, arguments["cut"], generation, seconds)

    def _call(self, state: State, config: RunnableConfig) -> tuple[Any, dict[str, Any]]:
        run = state["run"]
        dialect = self._components.dialect_for(run)
        arguments = {
            "cut": Deadline(dialect.first_action_end, run, state["counts"]),
            "stop": dialect.server_stop,
            "sampling": turn_sampling(state),
            "config": config,
            **layout_argument(dialect),
        }
        return self._components.reasoner_for(run), arguments

    def _update(
        self, state: State, deadline: Deadline, generation: Generation, seconds: float
    ) -> dict[str, Any]:
        dialect = self._components.dialect_for(state["run"])
        settled = deadline.settle(generation)
        update = _update(state, dialect, settled, seconds, self._tools)
        overridden = self._components.reasoner_for(state["run"]).overridden
        if overridden != state["run"].get("overridden", {}):  # the provider refused some
            update["run"] = {**state["run"], "overridden": overridden}
        if deadline.has_passed and update["pending"].get("reason") == "token_limit":
            return {**update, **_stop("deadline")}
        return update


def _transcript(state: State) -> Sequence[dict[str, Any]]:
    return seen(state["run"], state["segments"])


def layout_argument(dialect: Dialect) -> dict[str, str]:
    """Return the reasoner's `layout` argument; none inline, which is every reasoner's."""
    return {} if dialect.layout == "inline" else {"layout": dialect.layout}


def turn_sampling(state: State) -> Sampling:
    """Return the turn's sampling; every turn of a run has its own seed."""
    run, counts = state["run"], state["counts"]
    sampling = sampling_of(run).with_max_tokens(turn_tokens(run, counts))
    if sampling.seed is None:
        return sampling
    return sampling.with_seed(sampling.seed + counts["turns"])


class RouteState(TypedDict):
    """What the router reads; LangGraph reads no more of the state for it."""

    run: dict[str, Any]
    counts: dict[str, Any]
    pending: dict[str, Any]


def route(state: RouteState) -> list[Send] | str:
    """Return the search tasks, or the step that follows. Total over all actions."""
    pending = state["pending"]
    if pending["kind"] in ("answer", "stop"):
        return "generate"
    if "step" in pending:
        return pending["step"]
    if pending["kind"] == "recall":
        return "reason"  # nothing is inserted: the model goes on from what it knows
    step = "read" if pending["kind"] == "read" else "search"
    tasks = [
        Send(step, _task(state, plan, position))
        for position, plan in enumerate(pending.get("plan", ()))
        if plan["verdict"] == "run"
    ]
    return tasks or "summarize"


def _task(state: RouteState, plan: Mapping[str, Any], position: int) -> dict[str, Any]:
    asked = {name: plan[name] for name in ("query", "url", "goal") if name in plan}
    place = {"position": position, "turn": state["counts"]["turns"]}
    return {**asked, **place, "run": state["run"]}


def _stop(reason: str) -> dict[str, Any]:
    return {"pending": {"kind": "stop", "reason": reason}}


def _update(
    state: State,
    dialect: Dialect,
    generation: Generation,
    seconds: float,
    tools: Sequence[str],
) -> dict[str, Any]:
    counts = state["counts"]
    turn = counts["turns"] + 1
    text = generation.text
    action = dialect.parse(text)
    invalid = action.kind not in (*ACTIONS, *tools)
    new_counts = {
        **add_generation(counts, generation, seconds),
        "turns": turn,
        "invalid": counts["invalid"] + 1 if invalid else 0,
        "recalls": counts["recalls"] + (action.kind == "recall"),
    }
    segments = split_generation(generation, dialect.split_turn(text), turn)
    if not state["run"]["settings"].get("keep_thoughts", True):
        length = context_tokens(generation.prompt_tokens, segments)
        new_counts["context_tokens"] = length
    return {
        "segments": segments,
        "counts": new_counts,
        "pending": _pending(state, dialect, action, generation, tools),
        **child_writes(generation),
    }


def child_writes(generation: Generation) -> dict[str, Any]:
    """Return the update that keeps the calls a turn was put together from, if any."""
    children = [child.model_dump() for child in generation.children]
    return {"children": children} if children else {}


def _pending(
    state: State,
    dialect: Dialect,
    action: Action,
    generation: Generation,
    tools: Sequence[str],
) -> dict[str, Any]:
    is_torn = generation.finish_reason == "length"
    # Where silence ends a run, a turn torn off by its limit was no silence.
    if action.kind == "answer" and (action.text or not is_torn):
        return {"kind": "answer", "text": action.text}
    if action.kind == "search" and not may_search(state["run"], state["counts"]):
        return {"kind": "stop", "reason": "turn_limit"}
    if action.kind == "search":
        again = dialect.repeats_searches
        asked = action.queries[: dialect.queries_a_turn]
        plan = plan_queries(state, asked, repeats=again)
        return {"kind": "search", "plan": plan}
    if action.kind == "recall":
        return {"kind": "recall", "text": action.text}
    if action.kind == "read":
        return {"kind": "read", "plan": plan_reads(action)}
    if action.kind in tools:
        asked = {"title": action.title, "goal": action.goal}
        return {"kind": action.kind, "step": action.kind, **asked}
    if is_torn:
        return {"kind": "stop", "reason": "token_limit"}
    reason = action.text or f"this agent has no tool for {action.kind!r}"
    return {"kind": "invalid", "text": reason}


def plan_queries(
    state: State, queries: Sequence[str], *, repeats: bool = False
) -> list[dict[str, str]]:
    """Decide for each query: run it, or tell the model that it cannot be run.

    The limit is tested before the repeat, as in the reference (inference.py:541-625), and
    a repeat is the same text, character for character (:541). Neither counts as a search,
    nor does one that failed: it may be asked again.

    Args:
        state: the run's.
        queries: of the turn.
        repeats: whether a query that was run before is run again.
    """
    limit = state["run"]["limits"]["searches"]
    left = None if limit is None else limit - state["counts"]["searches"]
    done = {r["query"] for r in state["searches"] if not r.get("error")}
    plan = []
    for query in queries:
        if left is not None and left <= 0:
            verdict = "limit"
        elif not repeats and query in done:
            verdict = "repeat"
        else:
            verdict = "run"
            done.add(query)
            left = None if left is None else left - 1
        plan.append({"query": query, "verdict": verdict})
    return plan


def plan_reads(action: Action) -> list[dict[str, str]]:
    """Return the pages to read, each once; turns bound their number, not a budget."""
    urls = dict.fromkeys(url.strip() for url in (action.urls or (action.url,)))
    return [{"url": url, "goal": action.goal, "verdict": "run"} for url in urls if url]


def add_generation(
    counts: Mapping[str, Any], generation: Generation, seconds: float
) -> dict[str, Any]:
    """Return the counts with one generation added."""
    written = generation.completion_tokens or estimate_tokens(generation.text)
    ids = generation.token_ids
    grown = written if ids is None else len(ids)
    return {
        **counts,
        "prompt_tokens": counts["prompt_tokens"] + generation.prompt_tokens,
        "cached_prompt_tokens": counts["cached_prompt_tokens"]
        + generation.cached_prompt_tokens,
        "completion_tokens": counts["completion_tokens"] + written,
        "context_tokens": max(counts["context_tokens"], generation.prompt_tokens) + grown,
        "estimated": counts["estimated"] or generation.estimated,
        "seconds": counts["seconds"] + seconds,
    }


def split_generation(
    generation: Generation, parts: Sequence[TurnPart], turn: int
) -> list[dict[str, Any]]:
    """Cut a generation into segments at the dialect's parts.

    A cut inside a token moves back to the token's start, so that each segment's ids
    decode to its text and the segments' ids joined are the ids the server sampled. An end
    token stands beside the last one; a turn that has nothing else is an empty thought.
    """
    cut = _by_text if any(p.token_ids is None for p in generation.pieces) else _by_token
    segments = cut(generation, parts, turn) if parts else []
    if generation.end_id is not None:
        segments = segments or [{**_segment("reason", "", turn), "token_ids": []}]
        segments[-1]["end_id"] = generation.end_id
        segments[-1]["end_logprob"] = generation.end_logprob
    if segments and generation.finish_reason == "length":
        segments[-1]["torn"] = True
    return segments


def _by_text(
    generation: Generation, parts: Sequence[TurnPart], turn: int
) -> list[dict[str, Any]]:
    return [
        _segment(part.kind, generation.text[part.start : part.end], turn)
        for part in parts
        if part.end > part.start
    ]


def _by_token(
    generation: Generation, parts: Sequence[TurnPart], turn: int
) -> list[dict[str, Any]]:
    starts = _piece_starts(generation)
    bounds = [_piece_at(starts, part.start) for part in parts[1:]]
    edges = [0, *bounds, len(generation.pieces)]
    segments = []
    for part, first, last in zip(parts, edges[:-1], edges[1:], strict=True):
        pieces = generation.pieces[first:last]
        if pieces:
            text = "".join(piece.text for piece in pieces)
            segment = _segment(part.kind, text, turn)
            segment["token_ids"] = [i for p in pieces for i in p.token_ids or ()]
            if all(p.logprobs is not None for p in pieces):
                segment["logprobs"] = [x for p in pieces for x in p.logprobs or ()]
            segments.append(segment)
    return segments


def _segment(kind: str, text: str, turn: int) -> dict[str, Any]:
    return {
        "kind": kind,
        "speaker": "assistant",
        "text": text,
        "trainable": True,
        "turn": turn,
    }


def _piece_starts(generation: Generation) -> list[int]:
    starts, offset = [], 0
    for piece in generation.pieces:
        starts.append(offset)
        offset += len(piece.text)
    return starts


def _piece_at(starts: Sequence[int], offset: int) -> int:
    # The last piece that starts at or before the offset and is not empty there.
    index = 0
    for position, start in enumerate(starts):
        if start > offset:
            break
        index = position
    while index > 0 and starts[index - 1] == starts[index]:
        index -= 1
    return index
