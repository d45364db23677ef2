"""Condensers that ask a model once or several times: what they share.

Such a condenser is written once, as a generator of questions to the model; here it is
driven in a sync and an async form. Every call leaves a child record. When one fails or
breaks off before its result, the whole is left to the fallback: neither an error text nor a
thought is ever evidence.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Sequence
from typing import Any, ClassVar

from ...trace import ChildRecord
from ..child import call_record
from ..dialects.parts.prompt import fill_in
from ..models.base import Generation, ModelError, Reasoner, Sampling
from .base import Condensed, Condenser, CondenseRequest, without_foreign_tags

Messages = Sequence[dict[str, str]]

Asking = Generator[Messages, str, str]
"""Yields chat messages, is sent the model's reply, returns the evidence."""


class UnfinishedReplyError(ModelError):
    """A reply that broke off before its result."""

    def __init__(self, message: str, generation: Generation) -> None:
        super().__init__(message)
        self.generation = generation


class AskingCondenser(ABC):
    """A condenser with a model; `ask` says what it asks."""

    name: str
    step: str = ""
    """What its child records are called; its name when empty."""
    own_prompt: ClassVar[str]
    """The prompt in our own words; names in braces are filled in."""
    needed: ClassVar[tuple[str, ...]]
    """The names that no prompt in its place can do without."""

    def __init__(
        self,
        reasoner: Reasoner,
        *,
        fallback: Condenser,
        sampling: Sampling | None = None,
        prompt: str = "",
    ) -> None:
        self._reasoner = reasoner
        self._prompt = prompt or self.own_prompt
        self._fallback = fallback
        self._sampling = sampling or Sampling(max_tokens=8192)

    @abstractmethod
    def ask(self, request: CondenseRequest) -> Asking:
        """Ask the model about a request's documents; return the evidence, empty if none."""

    @abstractmethod
    def has_result(self, said: str) -> bool:
        """Return whether a reply that broke off had come to its result.

        Args:
            said: the reply without its thinking.
        """

    def fill(self, **values: str) -> Messages:
        """Return the prompt as messages, filled in; what a page says in braces stays."""
        return [{"role": "user", "content": fill_in(self._prompt, values)}]

    def fallback_text(self, request: CondenseRequest, text: str) -> str:
        """Return the fallback's evidence in this condenser's form."""
        return text

    def condense(self, request: CondenseRequest, config: Any = None) -> Condensed:
        """Return the evidence; no call is made when there are no documents."""
        if not request.documents:
            return Condensed("")
        run = self._begin(request)
        while run.messages is not None:
            try:
                run.take(self._reasoner.complete(run.messages, self._sampling, config))
            except ModelError as error:
                run.fail(error)
                instead = self._fallback.condense(request, config)
                return self._instead(run, request, instead)
        return run.condensed()

    def _begin(self, request: CondenseRequest) -> _Run:
        step = self.step or self.name
        asking = self.ask(without_foreign_tags(request))
        return _Run(self._reasoner.name, step, request, asking, self.has_result)

    async def acondense(self, request: CondenseRequest, config: Any = None) -> Condensed:
        """Async version of `condense`."""
        if not request.documents:
            return Condensed("")
        run = self._begin(request)
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
        self,
        model: str,
        step: str,
        request: CondenseRequest,
        asking: Asking,
        has_result: Callable[[str], bool],
    ) -> None:
        self.children: list[ChildRecord] = []
        self.messages: Messages | None = None
        self._model, self._step, self._request = model, step, request
        self._asking, self._has_result = asking, has_result
        self._text = ""
        self._advance(None)

    def take(self, generation: Generation) -> None:
        """Note a reply and go on to the next question.

        Raises:
            UnfinishedReplyError: it broke off in its thinking, or before its result.
        """
        self._check(generation)
        self.children.append(self._child(generation))
        self._advance(generation.text)

    def fail(self, error: ModelError) -> None:
        """Note a call that failed."""
        written = error.generation if isinstance(error, UnfinishedReplyError) else None
        self.children.append(self._child(written, str(error)))
        self._asking.close()

    def condensed(self) -> Condensed:
        """Return what came of it."""
        documents = self._request.documents if self._text else ()
        return Condensed(
            self._text,
            children=tuple(self.children),
            used=tuple(document.id for document in documents),
        )

    def _check(self, generation: Generation) -> None:
        text = generation.text
        broke_off = generation.finish_reason == "length" or is_thinking(text)
        if broke_off and not self._has_result(without_thought(text)):
            msg = "the reply broke off before its result: raise summarizer_max_tokens"
            raise UnfinishedReplyError(msg, generation)

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


def is_thinking(text: str) -> bool:
    """Return whether a reply ends inside its thinking.

    >>> is_thinking("<think>hm"), is_thinking("<think>hm</think>Lima")
    (True, False)
    """
    return text.rpartition("</think>")[2].lstrip().startswith("<think>")


def without_thought(text: str) -> str:
    """Return a model's reply without its thinking; nothing when it never ended that.

    >>> without_thought("<think>hm</think> Lima"), without_thought("<think>hm")
    ('Lima', '')
    """
    return "" if is_thinking(text) else text.rpartition("</think>")[2].strip()
