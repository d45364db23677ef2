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
from langchain_core.messages.ai import InputTokenDetails, UsageMetadata
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from pydantic import Field, PrivateAttr, SecretStr

from .base import (
    ContextOverflowError,
    CutFunction,
    Generation,
    ModelError,
    Piece,
    Sampling,
)
from .http import ServerClient
from .messages import to_dicts
from .pieces import split_pieces

SAMPLING_FIELDS = (
    "temperature",
    "top_p",
    "top_k",
    "max_tokens",
    "seed",
    "repetition_penalty",
)
"""Settings of a request that a call may override by keyword."""


@dataclass
class Call:
    """One call's prompt and what came of it; filled while the stream runs."""

    prompt_ids: list[int]
    cut: CutFunction | None = None
    pieces: list[Piece] = field(default_factory=list)
    text: str = ""
    finish_reason: str = ""
    usage: dict[str, Any] = field(default_factory=dict)

    def add(self, event: Mapping[str, Any]) -> ChatGenerationChunk | None:
        """Take one event of the stream; return the chunk it makes, if any."""
        if event.get("usage"):
            self.usage = event["usage"]
        if not event.get("choices"):
            return None
        choice = event["choices"][0]
        self.finish_reason = choice.get("finish_reason") or self.finish_reason
        added = []
        for piece in _pieces(choice):
            added.append(piece)
            self.text += piece.text
            if self.cut is not None and self.cut(self.text) is not None:
                # Tokens of the same chunk that follow the action were not asked for.
                self.finish_reason = "action"
                break
        self.pieces += added
        return ChatGenerationChunk(message=_chunk(added)) if added else None

    def is_cut(self) -> bool:
        """Return whether the text holds a complete action."""
        return self.finish_reason == "action"

    def last_chunk(self, model: str) -> ChatGenerationChunk:
        """Return the closing chunk: why it ended, and the tokens it took."""
        generation = self.generation()
        usage = UsageMetadata(
            input_tokens=generation.prompt_tokens,
            output_tokens=generation.completion_tokens,
            total_tokens=generation.prompt_tokens + generation.completion_tokens,
            input_token_details=InputTokenDetails(
                cache_read=generation.cached_prompt_tokens
            ),
        )
        message = AIMessageChunk(
            content="",
            usage_metadata=usage,
            response_metadata={
                "finish_reason": generation.finish_reason,
                "model_name": model,
            },
            chunk_position="last",
        )
        return ChatGenerationChunk(message=message)

    def generation(self) -> Generation:
        """Return what the model wrote.

        Raises:
            ModelError: the server stopped sending without saying why.
        """
        if not self.finish_reason:
            msg = "the model server ended its answer early"
            raise ModelError(msg, retryable=True)
        while self.pieces and not self.pieces[-1].text:
            self.pieces.pop()  # the first bytes of a character that was never finished
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


def _pieces(choice: Mapping[str, Any]) -> list[Piece]:
    """Return the tokens of one event; the end token is no text and is left out."""
    ids = choice.get("token_ids")
    if ids is None:
        msg = (
            "the server gives no token ids: vLLM 0.10.2 or newer is needed for exact traces"
        )
        raise ModelError(msg)
    logprobs = choice.get("logprobs") or {}
    # A stop string is text of the model; an end token is named by its id, or not at all.
    if choice.get("finish_reason") == "stop" and not isinstance(
        choice.get("stop_reason"), str
    ):
        ids = ids[:-1]
    tokens, values = logprobs.get("tokens"), logprobs.get("token_logprobs")
    return split_pieces(
        choice.get("text") or "",
        ids,
        tokens[: len(ids)] if tokens else None,
        values[: len(ids)] if values else None,
    )


def _chunk(pieces: Sequence[Piece]) -> AIMessageChunk:
    extra: dict[str, Any] = {"token_ids": [i for p in pieces for i in p.token_ids or ()]}
    if all(piece.logprobs is not None for piece in pieces):
        extra["logprobs"] = [value for p in pieces for value in p.logprobs or ()]
    text = "".join(piece.text for piece in pieces)
    return AIMessageChunk(content=text, additional_kwargs=extra)


class ServedChatModel(BaseChatModel):
    """A model that an OpenAI-compatible server with token ids (vLLM) serves.

    An ordinary LangChain chat model: `ServedChatModel(model="name", base_url=url)`. Each
    chunk carries `token_ids` and `logprobs` in `additional_kwargs`, which merge by
    concatenation. `stop` strings are left out of the text, as everywhere in LangChain.
    """

    model: str
    base_url: str = "http://127.0.0.1:8000/v1"
    temperature: float = 0.6
    top_p: float = 0.95
    top_k: int = 40
    max_tokens: int = 4096
    seed: int | None = None
    repetition_penalty: float = 1.0
    stop: list[str] | None = None
    api_key: SecretStr | None = None
    timeout: float | None = None
    """Longest silence of the server in seconds."""
    max_retries: int = 2
    client: Any = Field(default=None, exclude=True, repr=False)
    """The `ServerClient`; made from the settings above when absent."""

    _call: Call | None = PrivateAttr(default=None)
    _limit: int | None = PrivateAttr(default=None)

    def model_post_init(self, context: Any) -> None:
        """Make the client."""
        super().model_post_init(context)
        if self.client is None:
            self.client = ServerClient(
                self.base_url,
                self.api_key.get_secret_value() if self.api_key else None,
                idle_seconds=self.timeout,
                attempts=self.max_retries + 1,
            )

    @property
    def context_limit(self) -> int | None:
        """The context length in tokens; None until the server has told it."""
        return self._limit

    def learn_limit(self, limit: int) -> None:
        """Take note of the context length that the server's model list names."""
        self._limit = limit

    @property
    def _llm_type(self) -> str:
        return "langgraph-deepsearch-served"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model": self.model, "base_url": self.base_url}

    def with_call(self, call: Call, sampling: Sampling) -> ServedChatModel:
        """Return a copy for one call; what the call holds stays out of tracing."""
        own = {name: getattr(sampling, name) for name in SAMPLING_FIELDS}
        copied = self.model_copy(update=own)
        copied._call = call
        return copied

    def render(self, messages: Sequence[Mapping[str, str]], prefill: str = "") -> list[int]:
        """Return the ids of the templated prompt, the assistant's turn opened."""
        ids = self._ids(self.client.post("/tokenize", self._template_body(messages)))
        return ids + (self.encode(prefill) if prefill else [])

    async def arender(
        self, messages: Sequence[Mapping[str, str]], prefill: str = ""
    ) -> list[int]:
        """Async version of `render`."""
        body = self._template_body(messages)
        ids = self._ids(await self.client.apost("/tokenize", body))
        return ids + (await self.aencode(prefill) if prefill else [])

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text tokenised alone, without special tokens added."""
        return self._ids(self.client.post("/tokenize", self._text_body(text)))

    async def aencode(self, text: str) -> list[int]:
        """Async version of `encode`."""
        return self._ids(await self.client.apost("/tokenize", self._text_body(text)))

    def _ids(self, answer: Mapping[str, Any]) -> list[int]:
        self._limit = answer.get("max_model_len") or self._limit
        return answer["tokens"]

    def _template_body(self, messages: Sequence[Mapping[str, str]]) -> dict[str, Any]:
        chat = [dict(message) for message in messages]
        return {"model": self.model, "messages": chat, "add_generation_prompt": True}

    def _text_body(self, text: str) -> dict[str, Any]:
        return {"model": self.model, "prompt": text, "add_special_tokens": False}

    def _room(self, prompt_ids: list[int]) -> int | None:
        """Return how many tokens fit after the prompt, None while unknown.

        vLLM refuses a `max_tokens` above the whole context length, and answers a prompt
        that fills it with no tokens and no error.
        """
        if self._limit is None:
            return None
        if len(prompt_ids) >= self._limit:
            msg = (
                f"the transcript has {len(prompt_ids)} tokens; {self.model} has a context of "
                f"{self._limit}"
            )
            raise ContextOverflowError(msg, limit=self._limit)
        return self._limit - len(prompt_ids)

    def _body(
        self, prompt_ids: list[int], stop: list[str] | None, changed: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return the request.

        A reasoner sends no stop strings: with them the server holds text back and ends
        it inside the token that completes a tag, so chunks and ids would no longer agree.
        """
        body: dict[str, Any] = {
            name: changed.get(name, getattr(self, name)) for name in SAMPLING_FIELDS
        }
        room = self._room(prompt_ids)
        if room is not None:
            body["max_tokens"] = min(body["max_tokens"], room)
        body |= {
            "model": self.model,
            "prompt": prompt_ids,
            "stream": True,
            "stream_options": {"include_usage": True},
            "return_token_ids": True,
            "logprobs": 0,
            "skip_special_tokens": False,
        }
        stops = stop or (None if self._call else self.stop)
        if stops:
            body["stop"] = list(stops)
        if body["seed"] is None:
            del body["seed"]
        return body

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        call = self._call or Call(self.render(to_dicts(messages)))
        body = self._body(call.prompt_ids, stop, kwargs)
        events = self.client.stream("/completions", body)
        try:
            for event in events:
                chunk = call.add(event)
                if chunk is not None:
                    if run_manager:
                        run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                    yield chunk
                if call.is_cut():
                    break
        finally:
            events.close()  # the server stops writing when the connection closes
        yield call.last_chunk(self.model)

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        call = self._call or Call(await self.arender(to_dicts(messages)))
        body = self._body(call.prompt_ids, stop, kwargs)
        events = self.client.astream("/completions", body)
        try:
            async for event in events:
                chunk = call.add(event)
                if chunk is not None:
                    if run_manager:
                        await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                    yield chunk
                if call.is_cut():
                    break
        finally:
            await events.aclose()
        yield call.last_chunk(self.model)

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
