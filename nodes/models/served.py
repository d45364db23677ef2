"""A chat model that talks to a server's completions route, token ids in and out.

As a chat model it streams into LangGraph's `stream_mode="messages"`, callbacks and
tracing; a completions LLM streams nothing there. The prompt is rendered once by the
server's own template (`/tokenize`); what follows is sent as ids, never as text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.callbacks import BaseRunManager
from langchain_core.messages import BaseMessage
from pydantic import PrivateAttr, SecretStr

from .base import ContextOverflowError, Sampling
from .call import Call
from .event_stream import Asked, EventStreamModel, Reply
from .http import ServerClient
from .messages import to_dicts

SAMPLING_FIELDS = (
    "temperature",
    "top_p",
    "top_k",
    "max_tokens",
    "seed",
    "repetition_penalty",
)
"""Settings of a request that a call may override by keyword."""


class ServedChatModel(EventStreamModel):
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

    _call: Call | None = PrivateAttr(default=None)
    _limit: int | None = PrivateAttr(default=None)

    def model_post_init(self, context: Any) -> None:
        """Make the client from the settings, unless one is given."""
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

    def _listen(self, reply: Reply, run_manager: BaseRunManager | None) -> None:
        # A reasoner reads its call: where no callback wants tokens as they come, making
        # a chunk of each would cost as much as receiving it.
        call = self._call
        if call is not None and reply is call and run_manager is not None:
            call.makes_chunks = any(not h.ignore_llm for h in run_manager.handlers)

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

    def encode_prompt(self, text: str) -> list[int]:
        """Return the ids of a whole prompt, with the special tokens the model begins with."""
        return self._ids(self.client.post("/tokenize", self._text_body(text, whole=True)))

    async def aencode_prompt(self, text: str) -> list[int]:
        """Async version of `encode_prompt`."""
        body = self._text_body(text, whole=True)
        return self._ids(await self.client.apost("/tokenize", body))

    def _ids(self, answer: Mapping[str, Any]) -> list[int]:
        self._limit = answer.get("max_model_len") or self._limit
        return answer["tokens"]

    def _template_body(self, messages: Sequence[Mapping[str, str]]) -> dict[str, Any]:
        chat = [dict(message) for message in messages]
        return {"model": self.model, "messages": chat, "add_generation_prompt": True}

    def _text_body(self, text: str, *, whole: bool = False) -> dict[str, Any]:
        return {"model": self.model, "prompt": text, "add_special_tokens": whole}

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
        if changed.get("response_format") is not None:
            body["response_format"] = changed["response_format"]
        stops = stop or (None if self._call else self.stop)
        if stops:
            body["stop"] = list(stops)
        if body["seed"] is None:
            del body["seed"]
        return body

    def _ask(
        self, messages: list[BaseMessage], stop: list[str] | None, given: Mapping[str, Any]
    ) -> Asked:
        call = self._call or Call(self.render(to_dicts(messages)))
        return self._asked(call, stop, given)

    async def _aask(
        self, messages: list[BaseMessage], stop: list[str] | None, given: Mapping[str, Any]
    ) -> Asked:
        call = self._call or Call(await self.arender(to_dicts(messages)))
        return self._asked(call, stop, given)

    def _asked(self, call: Call, stop: list[str] | None, given: Mapping[str, Any]) -> Asked:
        call.model = self.model
        return Asked("/completions", self._body(call.prompt_ids, stop, given), call)
