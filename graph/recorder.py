"""The recorder: from a run's finished state to its trace.

State is the only recorder. A callback handler bound to the compiled graph keeps the last
step's input and output and writes one line when that graph's own run ends; a node would
write again on every resume and time travel.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langgraph.errors import GraphBubbleUp

from ..nodes.sources import to_source
from ..trace import ChildRecord, SearchRecord, Segment, Trace, Usage, append_trace

TRACE_FILE = "traces.jsonl"
"""Name of the trace file in `trace_dir`."""

STEPS = frozenset({"reason", "search", "summarize", "generate"})
"""Nodes whose input is the whole state; `search` gets a task of its own."""


def to_trace(state: Mapping[str, Any], **fields: Any) -> Trace:
    """Return the trace of a finished run.

    Args:
        state: the whole state of the graph after its last step.
        fields: values of the trace that the run does not know (`id`, `question_id`,
            `rollout`, `golds`, `metadata`, `error`, …).
    """
    run, counts = state["run"], state["counts"]
    settings = run["settings"]
    children = [ChildRecord(**child) for child in state["children"]]
    values: dict[str, Any] = {
        "id": run["id"],
        "question": run["question"],
        "segments": [Segment(**segment) for segment in state["segments"]],
        "children": children,
        "searches": [SearchRecord(**record) for record in state["searches"]],
        "sources": [to_source(entry) for entry in state["sources"]],
        "answer": state["answer"] or None,
        "stop_reason": state["stop_reason"] or "error",
        "error": state.get("error"),
        "dialect": settings["dialect"],
        "model": run["model"],
        "summarizer": _summarizer(run),
        "exactness": run["exactness"],
        "settings": {**settings, "limits": run["limits"]},
        "usage": _usage(counts, children),
        "started_at": run["started_at"],
        "seconds": round(counts["seconds"], 4),
    }
    return Trace(**{**values, **fields})


def _summarizer(run: Mapping[str, Any]) -> str:
    settings = run["settings"]
    if settings["condenser"] != "reason_in_documents":
        return ""
    return settings["summarizer_model"] or run["model"]


def _usage(counts: Mapping[str, Any], children: list[ChildRecord]) -> Usage:
    own = {name: counts[name] for name in Usage.model_fields if name in counts}
    return Usage(
        **own,
        child_prompt_tokens=sum(child.prompt_tokens for child in children),
        child_completion_tokens=sum(child.completion_tokens for child in children),
    )


class TraceRecorder(BaseCallbackHandler):
    """Appends a run's trace to its `trace_dir` when the run ends.

    Bound to a compiled graph, it sees that graph's run first and its nodes as children;
    runs around it (an app, a server) are invisible to it. What may write is async, which
    LangChain runs under `invoke` too.
    """

    ignore_llm = True
    ignore_chat_model = True
    ignore_retriever = True
    raise_error = True  # a trace that cannot be written must not be lost in silence
    run_inline = True

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._states: dict[UUID, dict[str, Any]] = {}
        """Last known state of each run of the graph under way."""
        self._owners: dict[UUID, UUID] = {}
        """Each run under way to the graph's run it is part of."""
        self._steps: set[UUID] = set()

    def on_chain_start(
        self,
        serialized: Any,
        inputs: Any,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        """Note a run of the graph, or the state one of its steps is given."""
        with self._lock:
            owner = self._owners.get(parent_run_id) if parent_run_id else None
            if owner is None:
                self._owners[run_id] = run_id
                self._states[run_id] = {}
                return
            self._owners[run_id] = owner
            is_own_step = parent_run_id == owner and name in STEPS
            if is_own_step and isinstance(inputs, Mapping) and "segments" in inputs:
                self._states[owner] = dict(inputs)
                self._steps.add(run_id)

    async def on_chain_end(
        self,
        outputs: Any,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        **kwargs: Any,
    ) -> None:
        """Keep a step's output; write the trace when the graph's own run ends."""
        with self._lock:
            owner = self._owners.pop(run_id, None)
            if owner is None:
                return
            if owner != run_id:
                if run_id in self._steps and isinstance(outputs, Mapping):
                    self._states[owner] = merge(self._states[owner], outputs)
                self._steps.discard(run_id)
                return
            state = self._states.pop(run_id)
        if state.get("stop_reason"):
            await _write(state)

    async def on_chain_error(
        self,
        error: BaseException,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        **kwargs: Any,
    ) -> None:
        """Record a run that broke; an interrupt is no error."""
        with self._lock:
            owner = self._owners.pop(run_id, None)
            self._steps.discard(run_id)
            if owner != run_id:
                return
            state = self._states.pop(run_id)
        if state.get("run") and not isinstance(error, GraphBubbleUp):
            line = " ".join(str(error).split()) or type(error).__name__
            await _write(
                state, id=f"{state['run']['id']}.error", stop_reason="error", error=line
            )


def merge(state: Mapping[str, Any], update: Mapping[str, Any]) -> dict[str, Any]:
    """Return the state with a step's update applied, logs appended to."""
    merged = {**state, **update}
    for log in ("segments", "children", "searches"):
        if isinstance(update.get(log), list):
            merged[log] = [*state.get(log, ()), *update[log]]
    return merged


async def _write(state: Mapping[str, Any], **fields: Any) -> None:
    folder = state["run"]["settings"]["trace_dir"]
    if folder:
        path = Path(folder) / TRACE_FILE
        # In a thread: LangGraph's server refuses blocking calls on its event loop.
        await asyncio.to_thread(append_trace, path, to_trace(state, **fields))
