"""Base of reasoners over a chat model: one way through a call, sync and async.

A subclass says how a transcript becomes an `Attempt` and what may be changed when the
server refuses one; streaming, cutting and trying again are here, once.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, aclosing, closing
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from langchain_core.messages import BaseMessage

from .base import (
    CutFunction,
    Generation,
    Layout,
    ModelError,
    Reasoner,
    Sampling,
    SegmentDict,
)


@dataclass(frozen=True)
class Request:
    """What `Reasoner.generate` was asked for; see there."""

    segments: Sequence[SegmentDict]
    cut: CutFunction
    stop: Sequence[str]
    sampling: Sampling
    layout: Layout


class Taker(Protocol):
    """Takes what the model writes until it is enough."""

    def add(self, chunk: BaseMessage) -> bool:
        """Take one chunk; return whether to go on."""
        ...

    def mapped_errors(self) -> AbstractContextManager[None]:
        """Turn the model library's errors into ours."""
        ...

    def generation(self, messages: Sequence[BaseMessage]) -> Generation:
        """Return what was taken in answer to the messages."""
        ...


class Attempt(NamedTuple):
    """One call of the chat model."""

    model: Any
    """The `BaseChatModel`; its `stream` is a generator, which its type does not say."""
    messages: list[BaseMessage]
    taker: Taker
    options: Mapping[str, Any]
    """Keywords of the call."""


class ChatReasoner(Reasoner):
    """A reasoner that streams from a chat model."""

    @abstractmethod
    def _attempt(self, request: Request) -> Attempt:
        """Return the call to make."""

    def _adapt(self, error: ModelError) -> None:
        """Go on without what the server refuses, where there is such a thing; else raise."""
        raise error

    def generate(
        self,
        segments: Sequence[SegmentDict],
        *,
        cut: CutFunction,
        stop: Sequence[str],
        sampling: Sampling,
        config: Any = None,
        layout: Layout = "inline",
    ) -> Generation:
        request = Request(segments, cut, stop, sampling, layout)
        while True:
            model, messages, taker, options = self._attempt(request)
            try:
                with (
                    taker.mapped_errors(),
                    closing(model.stream(messages, config, **options)) as chunks,
                ):
                    for chunk in chunks:
                        if not taker.add(chunk):
                            break
            except ModelError as error:
                self._adapt(error)
            else:
                return taker.generation(messages)

    async def agenerate(
        self,
        segments: Sequence[SegmentDict],
        *,
        cut: CutFunction,
        stop: Sequence[str],
        sampling: Sampling,
        config: Any = None,
        layout: Layout = "inline",
    ) -> Generation:
        request = Request(segments, cut, stop, sampling, layout)
        while True:
            model, messages, taker, options = self._attempt(request)
            try:
                with taker.mapped_errors():
                    stream = model.astream(messages, config, **options)
                    async with aclosing(stream) as chunks:
                        async for chunk in chunks:
                            if not taker.add(chunk):
                                break
            except ModelError as error:
                self._adapt(error)
            else:
                return taker.generation(messages)
