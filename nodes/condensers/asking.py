"""Condensers that ask a model once or several times: what they share.

Such a condenser is written once, as a generator of questions to the model; here it is
driven in a sync and an async form. Every call leaves a child record. When one fails, the
whole is left to the fallback: an error text is never evidence.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Generator, Sequence
from typing import Any

from ...trace import ChildRecord
from ..child import call_record
from ..models.base import Generation, ModelError, Reasoner, Sampling
from .base import Condensed, Condenser, CondenseRequest

Messages = Sequence[dict[str, str]]

Asking = Generator[Messages, str, str]
"""Yields chat messages, is sent the model's reply, returns the evidence."""


class AskingCondenser(ABC):
    """A condenser with a model; `ask` says what it asks."""

    name: str

    def __init__(
        self,
        reasoner: Reasoner,
        *,
        fallback: Condenser,
        sampling: Sampling | None = None,
    ) -> None:
        self._reasoner = reasoner
        self._fallback = fallback
        self._sampling = sampling or Sampling(max_tokens=8192)

    @abstractmethod
    def ask(self, request: CondenseRequest) -> Asking:
        """Ask the model about a request's documents; return the evidence, empty if none."""

    def fallback_text(self, request: CondenseRequest, text: str) -> str:
        """Return the fallback's evidence in this condenser's form."""
        return text

    def condense(self, request: CondenseRequest, config: Any = None) -> Condensed:
        """Return the evidence; no call is made when there are no documents."""
        if not request.documents:
            return Condensed("")
        run = _Run(self._reasoner.name, self.name, request, self.ask(request))
        while run.messages is not None:
            try:
                run.take(self._reasoner.complete(run.messages, self._sampling, config))
            except ModelError as error:
                run.fail(error)
                instead = self._fallback.condense(request, config)
                return self._instead(run, request, instead)
        return run.condensed()

    async def acondense(self, request: CondenseRequest, config: Any = None) -> Condensed:
        """Async version of `condense`."""
        if not request.documents:
            return Condensed("")
        run = _Run(self._reasoner.name, self.name, request, self.ask(request))
        while run.messages is not None:
            try:
                reply = await self._reasoner.acomplete(run.messages, self._sampling, config)
                run.take(reply)
            except ModelError as error:
                run.fail(error)
                instead = await self._fallback.acondense(request, config)
                return self._instead(run, request, instead)
        return run.condensed()

    def _instead(
        self, run: _Run, request: CondenseRequest, instead: Condensed
    ) -> Condensed:
        text = self.fallback_text(request, instead.text) if instead.text else ""
        children = (*run.children, *instead.children)
        return Condensed(text, children=children, used=instead.used)


class _Run:
    """One condensing under way: the questions asked so far and their records."""

    def __init__(
        self, model: str, step: str, request: CondenseRequest, asking: Asking
    ) -> None:
        self.children: list[ChildRecord] = []
        self.messages: Messages | None = None
        self._model, self._step, self._request = model, step, request
        self._asking = asking
        self._text = ""
        self._advance(None)

    def take(self, generation: Generation) -> None:
        """Note a reply and go on to the next question."""
        self.children.append(self._child(generation))
        self._advance(generation.text)

    def fail(self, error: ModelError) -> None:
        """Note a call that failed."""
        self.children.append(self._child(error=str(error)))
        self._asking.close()

    def condensed(self) -> Condensed:
        """Return what came of it."""
        documents = self._request.documents if self._text else ()
        return Condensed(
            self._text,
            children=tuple(self.children),
            used=tuple(document.id for document in documents),
        )

    def _advance(self, reply: str | None) -> None:
        try:
            self.messages = (
                next(self._asking) if reply is None else self._asking.send(reply)
            )
        except StopIteration as end:
            self.messages, self._text = None, end.value
        self._started = time.monotonic()

    def _child(
        self, generation: Generation | None = None, error: str | None = None
    ) -> ChildRecord:
        return call_record(
            self._step,
            self._request.turn,
            self._model,
            self.messages or (),
            seconds=time.monotonic() - self._started,
            generation=generation,
            error=error,
        )


def without_thought(text: str) -> str:
    """Return a model's reply without its thinking."""
    return text.rpartition("</think>")[2].strip()
