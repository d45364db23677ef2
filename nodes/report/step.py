"""Steps that ask the writer: what they share.

Such a step is written once, as a generator of questions to the writer; here it is driven
in a sync and an async form. Every call leaves a child record. What the step has to say to
the reasoning model is placed in its transcript.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from langchain_core.runnables import RunnableConfig
from langgraph.runtime import Runtime

from ...context import Context
from ..child import call_record
from ..condensers.asking import without_thought
from ..insertion import ainsert, insert, inserted_tokens
from ..models.base import ContextOverflowError, Generation, Reasoner
from .components import ReportComponents, writing_sampling

State = Mapping[str, Any]
Messages = Sequence[dict[str, str]]


@dataclass(frozen=True)
class Reply:
    """What the writer wrote, without its thinking."""

    text: str
    is_whole: bool
    """Whether it came to its own end, not to the token limit."""


@dataclass(frozen=True)
class Done:
    """What a step did."""

    update: Mapping[str, Any] = field(default_factory=dict)
    """Of the state; the step's own."""
    says: str = ""
    """What the reasoning model reads next, if anything."""
    says_kind: str = "notice"
    removed: int = 0
    """Citations taken out of what was written."""


Work = Generator[Messages, Reply | None, Done]
"""Yields chat messages; is sent the writer's reply, or None where they do not fit into its
context; returns what was done."""


class WriterStep(ABC):
    """A step that asks the writer; `work` says what."""

    name: ClassVar[str]
    """The step's name in the graph and in its child records."""

    def __init__(self, components: ReportComponents) -> None:
        self._components = components

    @abstractmethod
    def work(self, state: State) -> Work:
        """Ask the writer; return what was done."""

    def event(self, state: State) -> dict[str, Any]:
        """Return what a stream of mode `custom` is told when the step begins."""
        return {"event": self.name}

    def run(
        self, state: State, config: RunnableConfig, runtime: Runtime[Context]
    ) -> dict[str, Any]:
        """Return the step's update of the state."""
        runtime.stream_writer(self.event(state))
        writer = self._components.writer_for(state["run"])
        sampling = writing_sampling(state["run"])
        asked = _Asked(writer, state, self.name, self.work(state))
        while asked.messages is not None:
            try:
                asked.take(writer.complete(asked.messages, sampling, config))
            except ContextOverflowError as error:
                asked.refuse(error)
        return asked.update(self._place(state, asked.done))

    async def arun(
        self, state: State, config: RunnableConfig, runtime: Runtime[Context]
    ) -> dict[str, Any]:
        """Async version of `run`."""
        await self._components.aready(state["run"])
        runtime.stream_writer(self.event(state))
        writer = self._components.writer_for(state["run"])
        sampling = writing_sampling(state["run"])
        asked = _Asked(writer, state, self.name, self.work(state))
        while asked.messages is not None:
            try:
                asked.take(await writer.acomplete(asked.messages, sampling, config))
            except ContextOverflowError as error:
                asked.refuse(error)
        return asked.update(await self._aplace(state, asked.done))

    def _place(self, state: State, done: Done) -> list[dict[str, Any]]:
        if not done.says:
            return []
        dialect = self._components.dialect_for(state["run"])
        reasoner = self._components.reasoner_for(state["run"])
        segment = _said(state, done, dialect.result_speaker)
        return insert(reasoner, dialect, segment, opens=segment["turn"] + 1)

    async def _aplace(self, state: State, done: Done) -> list[dict[str, Any]]:
        if not done.says:
            return []
        dialect = self._components.dialect_for(state["run"])
        reasoner = self._components.reasoner_for(state["run"])
        segment = _said(state, done, dialect.result_speaker)
        return await ainsert(reasoner, dialect, segment, opens=segment["turn"] + 1)


def _said(state: State, done: Done, speaker: str) -> dict[str, Any]:
    return {
        "kind": done.says_kind,
        "speaker": speaker,
        "text": done.says,
        "trainable": False,
        "turn": state["counts"]["turns"],
    }


class _Asked:
    """A step under way: the question to the writer and the records of those before."""

    def __init__(self, writer: Reasoner, state: State, step: str, work: Work) -> None:
        self.messages: Messages | None = None
        self.done = Done()
        self._model, self._step, self._state = writer.name, step, state
        self._work = work
        self._children: list[dict[str, Any]] = []
        self._began = time.monotonic()
        self._advance(None)

    def take(self, generation: Generation) -> None:
        """Note a reply and go on to the next question."""
        self._record(generation=generation)
        is_whole = generation.finish_reason != "length"
        self._advance(Reply(without_thought(generation.text), is_whole))

    def refuse(self, error: ContextOverflowError) -> None:
        """Note a question that did not fit and go on to the next."""
        self._record(error=str(error))
        self._advance(None)

    def update(self, placed: list[dict[str, Any]]) -> dict[str, Any]:
        """Return the step's update with the records of its calls and what it placed."""
        counts = self._state["counts"]
        removed = counts.get("invalid_citations", 0) + self.done.removed
        counts = {
            **counts,
            "invalid_citations": removed,
            "context_tokens": counts["context_tokens"] + inserted_tokens(placed),
            "seconds": counts["seconds"] + time.monotonic() - self._began,
        }
        # An empty write costs as much as any other.
        logs = {"segments": placed, "children": self._children}
        written = {name: log for name, log in logs.items() if log}
        return {**written, **self.done.update, "counts": counts}

    def _advance(self, reply: Reply | None) -> None:
        self._started = time.monotonic()
        try:
            self.messages = self._work.send(reply)  # None starts it
        except StopIteration as end:
            self.messages, self.done = None, end.value

    def _record(
        self, generation: Generation | None = None, error: str | None = None
    ) -> None:
        child = call_record(
            self._step,
            self._state["counts"]["turns"],
            self._model,
            self.messages or (),
            seconds=time.monotonic() - self._started,
            generation=generation,
            error=error,
        )
        self._children.append(child.model_dump())
