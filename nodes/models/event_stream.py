"""Base of chat models over a server's event stream: one loop, sync and async.

A subclass says what to ask (`_ask`) and what the answer's events mean (`Reply`); reading,
callbacks, stopping early and closing the connection are here, once.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, NamedTuple, Protocol

from langchain_core.callbacks import (
    AsyncCallbackManagerForLLMRun,
    BaseRunManager,
    CallbackManagerForLLMRun,
)
from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.chat_models import (
    agenerate_from_stream,
    generate_from_stream,
)
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from pydantic import Field


class Reply(Protocol):
    """What comes of one call, filled while its events arrive."""

    def add(self, event: Mapping[str, Any]) -> ChatGenerationChunk | None:
        """Take one event; return the chunk it makes, None when it makes none."""
        ...

    def is_cut(self) -> bool:
        """Return whether the caller has what it needs, so that nothing more is read."""
        ...

    def close(self) -> ChatGenerationChunk | None:
        """Return the closing chunk, if any.

        Raises:
            ModelError: the server stopped sending without saying why.
        """
        ...


class Asked(NamedTuple):
    """One call: where it goes, what is sent, what takes the answer."""

    path: str
    body: Mapping[str, Any]
    reply: Reply


class EventStreamModel(BaseChatModel):
    """A chat model whose server streams its answer as events."""

    client: Any = Field(default=None, exclude=True, repr=False)
    """The `ServerClient`."""

    @abstractmethod
    def _ask(
        self, messages: list[BaseMessage], stop: list[str] | None, given: Mapping[str, Any]
    ) -> Asked:
        """Return the call for the messages."""

    async def _aask(
        self, messages: list[BaseMessage], stop: list[str] | None, given: Mapping[str, Any]
    ) -> Asked:
        """Async version of `_ask`, for a model that asks its server to make the prompt."""
        return self._ask(messages, stop, given)

    def _listen(self, reply: Reply, run_manager: BaseRunManager | None) -> None:
        """Tell the reply who takes its chunks; here: somebody always does."""
        return

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        path, body, reply = self._ask(messages, stop, kwargs)
        self._listen(reply, run_manager)
        events = self.client.stream(path, body)
        try:
            for event in events:
                chunk = reply.add(event)
                if chunk is not None:
                    if run_manager:
                        run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                    yield chunk
                if reply.is_cut():
                    break
        finally:
            events.close()  # the server stops writing when the connection closes
        last = reply.close()
        if last is not None:
            yield last

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        path, body, reply = await self._aask(messages, stop, kwargs)
        self._listen(reply, run_manager)
        events = self.client.astream(path, body)
        try:
            async for event in events:
                chunk = reply.add(event)
                if chunk is not None:
                    if run_manager:
                        await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                    yield chunk
                if reply.is_cut():
                    break
        finally:
            await events.aclose()
        last = reply.close()
        if last is not None:
            yield last

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return generate_from_stream(self._stream(messages, stop, run_manager, **kwargs))

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        stream = self._astream(messages, stop, run_manager, **kwargs)
        return await agenerate_from_stream(stream)
