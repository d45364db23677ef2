"""A chat model that talks to a server's completions route, token ids in and out.

As a chat model it streams into LangGraph's `stream_mode="messages"`, callbacks and
tracing; a completions LLM streams nothing there. The prompt is rendered once by the
server's own template (`/tokenize`); what follows is sent as ids, never as text.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_core.callbacks import (
    AsyncCallbackManagerForLLMRun,
    CallbackManagerForLLMRun,
)
from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.chat_models import (
    agenerate_from_stream,
    generate_from_stream,
)
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from pydantic import ConfigDict, PrivateAttr

from .base import CutFunction, Generation, ModelError, Piece, Sampling
from .http import ServerClient

_ROLES = {"human": "user", "ai": "assistant", "system": "system", "tool": "tool"}


@dataclass
class Call:
    """One call's prompt and what came of it; filled while the stream runs."""

    prompt_ids: list[int]
    cut: CutFunction | None = None
    pieces: list[Piece] = field(default_factory=list)
    finish_reason: str = ""
    usage: dict[str, Any] = field(default_factory=dict)

    def add(self, event: Mapping[str, Any]) -> ChatGenerationChunk | None:
        """Take one event of the stream; return the chunk it makes, if any."""
        if event.get("usage"):
            self.usage = event["usage"]
        if not event.get("choices"):
            return None
        choice = event["choices"][0]
        finish = choice.get("finish_reason")
        piece = _piece(choice, ended=finish == "stop")
        if finish:
            self.finish_reason = finish
        if piece is None:
            return None
        self.pieces.append(piece)
        return ChatGenerationChunk(message=_chunk(piece))

    def is_cut(self) -> bool:
        """Return whether the text holds a complete action."""
        text = "".join(piece.text for piece in self.pieces)
        if self.cut is None or self.cut(text) is None:
            return False
        self.finish_reason = "action"
        return True

    def last_chunk(self) -> ChatGenerationChunk:
        """Return the closing chunk: why it ended, and the tokens it took."""
        generation = self.generation()
        usage = UsageMetadata(
            input_tokens=generation.prompt_tokens,
            output_tokens=generation.completion_tokens,
            total_tokens=generation.prompt_tokens + generation.completion_tokens,
        )
        message = AIMessageChunk(
            content="",
            usage_metadata=usage,
            response_metadata={"finish_reason": generation.finish_reason},
            chunk_position="last",
        )
        return ChatGenerationChunk(message=message)

    def generation(self) -> Generation:
        """Return what the model wrote."""
        written = sum(len(piece.token_ids or ()) for piece in self.pieces)
        details = self.usage.get("prompt_tokens_details") or {}
        reason = (
            self.finish_reason if self.finish_reason in ("action", "length") else "stop"
        )
        return Generation(
            pieces=tuple(self.pieces),
            finish_reason=reason,  # type: ignore[arg-type]
            prompt_tokens=self.usage.get("prompt_tokens") or len(self.prompt_ids),
            cached_prompt_tokens=details.get("cached_tokens") or 0,
            completion_tokens=written,
        )


def _piece(choice: Mapping[str, Any], *, ended: bool) -> Piece | None:
    """Return the piece of one event; the end token is no text and is left out."""
    ids = choice.get("token_ids")
    text = choice.get("text") or ""
    if ids is None:
        msg = (
            "the server gives no token ids: vLLM 0.10.2 or newer is needed for exact traces"
        )
        raise ModelError(msg)
    logprobs = (choice.get("logprobs") or {}).get("token_logprobs")
    if ended:
        ids = ids[:-1]
        logprobs = logprobs[: len(ids)] if logprobs else logprobs
    if not ids and not text:
        return None
    kept = tuple(logprobs) if logprobs and len(logprobs) == len(ids) else None
    return Piece(text, tuple(ids), kept)


def _chunk(piece: Piece) -> AIMessageChunk:
    extra = {"token_ids": list(piece.token_ids or ())}
    if piece.logprobs is not None:
        extra["logprobs"] = list(piece.logprobs)  # type: ignore[assignment]
    return AIMessageChunk(content=piece.text, additional_kwargs=extra)


class ServedChatModel(BaseChatModel):
    """A model that an OpenAI-compatible server with token ids (vLLM) serves."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    model: str
    base_url: str
    temperature: float = 0.6
    top_p: float = 0.95
    top_k: int = 40
    max_tokens: int = 4096
    seed: int | None = None
    repetition_penalty: float = 1.0
    client: Any = None
    """The `ServerClient`; made from `base_url` when absent."""

    _call: Call | None = PrivateAttr(default=None)

    def model_post_init(self, context: Any) -> None:
        """Make the client."""
        if self.client is None:
            self.client = ServerClient(self.base_url)

    @property
    def _llm_type(self) -> str:
        return "langgraph-deepsearch-served"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model": self.model, "base_url": self.base_url}

    def with_call(self, call: Call, sampling: Sampling) -> ServedChatModel:
        """Return a copy for one call; what the call holds stays out of tracing."""
        copied = self.model_copy(
            update={
                "temperature": sampling.temperature,
                "top_p": sampling.top_p,
                "top_k": sampling.top_k,
                "max_tokens": sampling.max_tokens,
                "seed": sampling.seed,
                "repetition_penalty": sampling.repetition_penalty,
            }
        )
        copied._call = call
        return copied

    def render(self, messages: Sequence[Mapping[str, str]], prefill: str = "") -> list[int]:
        """Return the ids of the templated prompt, the assistant's turn opened."""
        ids = self.client.post("/tokenize", self._template_body(messages))["tokens"]
        return ids + (self.encode(prefill) if prefill else [])

    async def arender(
        self, messages: Sequence[Mapping[str, str]], prefill: str = ""
    ) -> list[int]:
        """Async version of `render`."""
        body = self._template_body(messages)
        ids = (await self.client.apost("/tokenize", body))["tokens"]
        return ids + (await self.aencode(prefill) if prefill else [])

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text tokenised alone, without special tokens added."""
        return self.client.post("/tokenize", self._text_body(text))["tokens"]

    async def aencode(self, text: str) -> list[int]:
        """Async version of `encode`."""
        return (await self.client.apost("/tokenize", self._text_body(text)))["tokens"]

    def _template_body(self, messages: Sequence[Mapping[str, str]]) -> dict[str, Any]:
        chat = [dict(message) for message in messages]
        return {"model": self.model, "messages": chat, "add_generation_prompt": True}

    def _text_body(self, text: str) -> dict[str, Any]:
        return {"model": self.model, "prompt": text, "add_special_tokens": False}

    def _body(self, prompt_ids: list[int], stop: list[str] | None) -> dict[str, Any]:
        """Return the request.

        Without a `cut` the caller's stop strings go to the server. With one they do not:
        the server would end the text inside the token that completes a tag, while the
        ids hold the whole token, and the two would no longer agree.
        """
        body = {
            "model": self.model,
            "prompt": prompt_ids,
            "stream": True,
            "stream_options": {"include_usage": True, "continuous_usage_stats": False},
            "temperature": self.temperature,
            "top_p": self.top_p,
            "top_k": self.top_k,
            "max_tokens": self.max_tokens,
            "repetition_penalty": self.repetition_penalty,
            "return_token_ids": True,
            "logprobs": 0,
            "skip_special_tokens": False,
        }
        if self.seed is not None:
            body["seed"] = self.seed
        if stop:
            body["stop"] = list(stop)
        return body

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        call = self._call or Call(self.render(to_dicts(messages)))
        events = self.client.stream("/completions", self._body(call.prompt_ids, stop))
        try:
            for event in events:
                chunk = call.add(event)
                if chunk is None:
                    continue
                if run_manager:
                    run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                yield chunk
                if call.is_cut():
                    break
        finally:
            events.close()  # the server stops writing when the connection closes
        yield call.last_chunk()

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        call = self._call or Call(await self.arender(to_dicts(messages)))
        events = self.client.astream("/completions", self._body(call.prompt_ids, stop))
        try:
            async for event in events:
                chunk = call.add(event)
                if chunk is None:
                    continue
                if run_manager:
                    await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                yield chunk
                if call.is_cut():
                    break
        finally:
            await events.aclose()
        yield call.last_chunk()

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


def to_dicts(messages: Sequence[BaseMessage]) -> list[dict[str, str]]:
    """Return LangChain messages as `role` and `content`."""
    return [{"role": _ROLES[message.type], "content": message.text} for message in messages]
