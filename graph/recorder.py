"""The recorder: from a run's finished state to its trace.

State is the only recorder. Callback handlers bound to the compiled graph keep the last
step's input and output and write one line when that graph's own run ends; a node would
write again on every resume and time travel.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler, CallbackManager
from langgraph.errors import GraphBubbleUp
from langgraph.types import Overwrite

from ..nodes.sources import to_source
from ..state import join_sources
from ..trace import (
    TRACE_FILE,
    ChildRecord,
    ReadRecord,
    SearchRecord,
    Segment,
    Trace,
    Usage,
    append_trace,
)

FIRST_STEP = "prepare"
"""The node that begins a run; a resumed or forked one goes on without it."""

STEPS = frozenset(
    "plan reason search read summarize write edit check polish generate".split()
)
"""Nodes of the graphs whose input is the whole state; `search` gets a task of its own."""


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
        "reads": [ReadRecord(**record) for record in state.get("reads", ())],
        "sources": [to_source(entry) for entry in state["sources"]],
        "answer": state["answer"] or None,
        "stop_reason": state["stop_reason"] or "error",
        "error": state.get("error"),
        # Runs from before it was told, in checkpoints, have the settings' alone.
        "dialect": run.get("dialect", settings["dialect"]),
        "model": run["model"],
        "summarizer": _summarizer(state),
        "exactness": run["exactness"],
        "settings": {**settings, **run.get("overridden", {}), "limits": run["limits"]},
        "usage": _usage(counts, children),
        "started_at": run["started_at"],
        "seconds": round(counts["seconds"], 4),
    }
    return Trace(**{**values, **fields})


def _summarizer(state: Mapping[str, Any]) -> str:
    run = state["run"]
    settings = run["settings"]
    used = {settings["condenser"]}
    if state.get("reads"):
        used.add(settings["page_condenser"])
    if used <= {"none", "extractive"}:
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
    """Knows the state of every run of a graph under way.

    Bound to a compiled graph, it sees that graph's run first and its nodes as children;
    runs around it (an app, a server) are invisible to it. It is called for every step,
    so it only keeps references; `TraceWriter` writes.
    """

    raise_error = True  # a trace that cannot be recorded must not be lost in silence
    run_inline = True

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runs: dict[UUID, _Run] = {}
        """Each run of the graph under way."""
        self._owners: dict[UUID, _Run] = {}
        """Each run under way to the graph's run it is part of."""

    @property
    def ignore_llm(self) -> bool:
        """True: models' callbacks say nothing that state does not."""
        return True

    @property
    def ignore_chat_model(self) -> bool:
        """True, likewise."""
        return True

    @property
    def ignore_retriever(self) -> bool:
        """True, likewise."""
        return True

    @property
    def is_due(self) -> bool:
        """Whether any run under way is to leave a trace."""
        return any(run.folder for run in list(self._runs.values()))

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
            run = self._owners.get(parent_run_id) if parent_run_id else None
            if run is None:
                self._owners[run_id] = self._runs[run_id] = _Run(run_id)
                return
            self._owners[run_id] = run
        is_own = parent_run_id == run.id
        if is_own and name == FIRST_STEP:
            run.is_new = True
        is_own_step = is_own and name in STEPS
        # A state is a plain dict; asking for a `Mapping` takes ten times as long.
        if is_own_step and isinstance(inputs, dict) and "segments" in inputs:
            run.begin(run_id, inputs)

    def on_chain_end(
        self,
        outputs: Any,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        **kwargs: Any,
    ) -> None:
        """Keep a step's output; forget a run that is to leave no trace."""
        with self._lock:
            run = self._owners.get(run_id)
            if run is None or (run.id == run_id and run.folder):
                return  # the writer takes it
            self._forget(run_id)
        if run_id == run.step and isinstance(outputs, dict):
            run.update = outputs

    def on_chain_error(
        self,
        error: BaseException,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        **kwargs: Any,
    ) -> None:
        """Forget a step that broke, or a run that is to leave no trace."""
        self.on_chain_end(None, run_id=run_id)

    def take(self, run_id: UUID) -> _Run | None:
        """Return a run of the graph and forget it; None for a step."""
        with self._lock:
            run = self._runs.get(run_id)
            if run is not None:
                self._forget(run_id)
        return run

    def _forget(self, run_id: UUID) -> None:
        self._owners.pop(run_id, None)
        self._runs.pop(run_id, None)


class _Run:
    """A run of the graph: what its latest step was given, and what that step gave."""

    def __init__(self, run_id: UUID) -> None:
        self.id = run_id
        self.step: UUID | None = None
        self.is_new = False
        """Whether it began with a question, not with a checkpoint."""
        self.update: Mapping[str, Any] = {}
        self._given: Mapping[str, Any] = {}

    def begin(self, step: UUID, given: Mapping[str, Any]) -> None:
        """Note a step. What it is given holds all that earlier ones gave."""
        self.step, self._given, self.update = step, given, {}

    @property
    def folder(self) -> str | None:
        """Where the trace goes, None while unknown or not wanted."""
        run = self._given.get("run")
        return run["settings"]["trace_dir"] if run else None

    def state(self) -> dict[str, Any]:
        """Return the run's state as last known."""
        return merge(self._given, self.update)

    def trace_id(self, state: Mapping[str, Any]) -> str:
        """Return the id of its trace: from one checkpoint a run may go on many times."""
        own = state["run"]["id"]
        return own if self.is_new else f"{own}.{self.id.hex[-8:]}"


class TraceWriter(BaseCallbackHandler):
    """Appends a run's trace to its `trace_dir` when the run ends.

    Not inline: under `ainvoke` LangChain calls it in a thread and waits for it, since
    LangGraph's server refuses blocking calls on its event loop.
    """

    raise_error = True  # a trace that cannot be written must not be lost in silence

    def __init__(self, recorder: TraceRecorder) -> None:
        self._recorder = recorder

    @property
    def ignore_chain(self) -> bool:
        """Spares the thread where no run leaves a trace."""
        return not self._recorder.is_due

    def on_chain_end(
        self,
        outputs: Any,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        **kwargs: Any,
    ) -> None:
        """Write the trace of a run that came to its end; an interrupted one has none."""
        run = self._recorder.take(run_id)
        state = run.state() if run else {}
        if run and state.get("stop_reason"):
            _write(state, id=run.trace_id(state))

    def on_chain_error(
        self,
        error: BaseException,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        **kwargs: Any,
    ) -> None:
        """Write the trace of a run that broke; an interrupt is no error."""
        run = self._recorder.take(run_id)
        state = run.state() if run else {}
        if run and state.get("run") and not isinstance(error, GraphBubbleUp):
            line = " ".join(str(error).split()) or type(error).__name__
            name = f"{run.trace_id(state)}.error"
            _write(state, id=name, stop_reason="error", error=line)


def trace_callbacks() -> CallbackManager:
    """Return the callbacks of a compiled graph that record its runs.

    Steps are told to the recorder alone: only the graph's own run is written.
    """
    recorder = TraceRecorder()
    return CallbackManager([recorder, TraceWriter(recorder)], [recorder])


def merge(state: Mapping[str, Any], update: Mapping[str, Any]) -> dict[str, Any]:
    """Return the state with a step's update applied, logs appended to."""
    merged = {**state, **update}
    for log in ("segments", "children", "searches", "reads"):
        written = update.get(log)
        if isinstance(written, Overwrite):
            merged[log] = written.value
        elif isinstance(written, list):
            merged[log] = [*state.get(log, ()), *written]
    if "sources" in update:
        merged["sources"] = join_sources(state.get("sources", ()), [update["sources"]])
    return merged


def _write(state: Mapping[str, Any], **fields: Any) -> None:
    path = Path(state["run"]["settings"]["trace_dir"]) / TRACE_FILE
    append_trace(path, to_trace(state, **fields))
