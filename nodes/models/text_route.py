"""A chat model over a server without token ids: text in, text out, thoughts kept.

Used instead of a vendor's client, which drops `reasoning_content` and does not know the
words that servers have for a prompt too long.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.ai import InputTokenDetails, UsageMetadata
from langchain_core.outputs import ChatGenerationChunk
from pydantic import Field, PrivateAttr

from .base import ModelError
from .event_stream import Asked, EventStreamModel
from .messages import to_dicts

STANDARD_FIELDS = ("temperature", "top_p", "max_tokens", "seed", "stop")
"""Settings every OpenAI-style server takes; transformers' refuses others with a 422."""

EXTRA_FIELDS = (
    "top_k",
    "repetition_penalty",
    "include_stop_str_in_output",
    "response_format",
)
"""Settings of vLLM and its kin."""


class ServedTextModel(EventStreamModel):
    """A served model that is spoken to in text.

    With a `template`, prompts go as text to `/completions`, and a partial assistant
    message is continued exactly. Without one they go to `/chat/completions`.
    """

    model: str
    route: Literal["completions", "chat"] = "chat"
    template: Any = Field(default=None, exclude=True, repr=False)
    """A `LocalTemplate`, which the completions route needs."""
    takes_extra: bool = False
    """Whether the server knows `EXTRA_FIELDS`."""
    continues_text: bool = False
    """Whether a final assistant message is continued instead of answered."""

    _is_done: Callable[[], bool] = PrivateAttr(default=bool)

    def until(self, is_done: Callable[[], bool]) -> ServedTextModel:
        """Return a copy that stops reading when the caller has what it needs.

        Closing the stream from outside would count as an error in callbacks and tracing.
        """
        copied = self.model_copy()
        copied._is_done = is_done
        return copied

    @property
    def _llm_type(self) -> str:
        return "langgraph-deepsearch-text"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model": self.model, "route": self.route}

    def _ask(
        self, messages: list[BaseMessage], stop: list[str] | None, given: Mapping[str, Any]
    ) -> Asked:
        path, body = self._request(messages, stop, given)
        return Asked(path, body, TextReply(self.model, self._is_done))

    def _request(
        self, messages: list[BaseMessage], stop: list[str] | None, given: Mapping[str, Any]
    ) -> tuple[str, dict[str, Any]]:
        """Return the route's path and the body."""
        names = STANDARD_FIELDS + (EXTRA_FIELDS if self.takes_extra else ())
        settings = {**given, "stop": stop}
        body = {name: settings[name] for name in names if settings.get(name) is not None}
        body |= {"model": self.model, "stream": True}
        body["stream_options"] = {"include_usage": True}
        if self.route == "completions":
            prompt = self._prompt(messages)
            room = self.template.room(prompt)
            if room is not None:
                body["max_tokens"] = min(body.get("max_tokens", room), room)
            return "/completions", {**body, "prompt": prompt}
        body["messages"] = to_dicts(messages)
        if self.continues_text and isinstance(messages[-1], AIMessage):
            body |= {"continue_final_message": True, "add_generation_prompt": False}
        return "/chat/completions", body

    def _prompt(self, messages: list[BaseMessage]) -> str:
        if isinstance(messages[-1], AIMessage):
            return self.template.render(to_dicts(messages[:-1])) + str(messages[-1].text)
        return self.template.render(to_dicts(messages))


class TextReply:
    """What a text route's events bring."""

    def __init__(self, model: str, is_done: Callable[[], bool]) -> None:
        self._model = model
        self._is_done = is_done
        self._finish = ""

    def add(self, event: Mapping[str, Any]) -> ChatGenerationChunk | None:
        """Take one event; text after the caller is done is not passed on."""
        chunk = _chunk(event, self._model)
        if chunk is None:
            return None
        if self._is_done() and chunk.text:
            self._finish = "action"
            return None
        reason = chunk.message.response_metadata.get("finish_reason")
        self._finish = self._finish or reason or ""
        return chunk

    def is_cut(self) -> bool:
        """Return whether the caller had what it needed."""
        return self._finish == "action"

    def close(self) -> None:
        """Return nothing: the server's own last event closes the stream."""
        if not self._finish:
            msg = "the model server ended its answer early"
            raise ModelError(msg, retryable=True)


def _chunk(event: Mapping[str, Any], model: str) -> ChatGenerationChunk | None:
    """Return the chunk of one event of either route, None when it says nothing."""
    choice = (event.get("choices") or [{}])[0]
    delta = choice.get("delta") or {}
    text = choice.get("text") or delta.get("content") or ""
    # DeepSeek, SGLang and older vLLM say reasoning_content; newer vLLM says reasoning.
    thought = delta.get("reasoning_content") or delta.get("reasoning") or ""
    usage, finish = event.get("usage"), choice.get("finish_reason")
    if not (text or thought or usage or finish):
        return None
    details = {"finish_reason": finish, "model_name": model} if finish else {}
    message = AIMessageChunk(
        content=text,
        additional_kwargs={"reasoning_content": thought} if thought else {},
        response_metadata=details,
        usage_metadata=_usage(usage) if usage else None,
    )
    return ChatGenerationChunk(message=message)


def _usage(usage: Mapping[str, Any]) -> UsageMetadata:
    details = usage.get("prompt_tokens_details") or {}
    prompt, written = usage.get("prompt_tokens") or 0, usage.get("completion_tokens") or 0
    return UsageMetadata(
        input_tokens=prompt,
        output_tokens=written,
        total_tokens=prompt + written,
        input_token_details=InputTokenDetails(cache_read=details.get("cached_tokens") or 0),
    )
