"""Token-exact reasoner: ids to the server, ids back, appended and never joined as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext

from langchain_core.messages import BaseMessage

from .base import Generation, ModelError, SegmentDict
from .call import Call
from .chat_reasoner import Attempt, ChatReasoner, Request
from .messages import transcript_messages
from .plain import plain_text
from .served import ServedChatModel
from .structured import response_format


class TokenReasoner(ChatReasoner):
    """Continues a transcript over a server that gives token ids (vLLM)."""

    exactness = "token"
    takes_schema = True

    def __init__(
        self,
        model: ServedChatModel,
        *,
        context_limit: int | None = None,
        templated: bool = True,
    ) -> None:
        self._model = model
        self._templated = templated
        self._turn_starts: dict[str, int] = {}
        """Speaker of a message to where it begins in an example chat, in tokens."""
        self.name = model.model
        if context_limit is not None:
            model.learn_limit(context_limit)

    @property
    def context_limit(self) -> int | None:  # type: ignore[override]
        """The server's context length in tokens, None until it has told it."""
        return self._model.context_limit

    def without_template(self) -> TokenReasoner:
        return TokenReasoner(self._model, templated=False)

    def render(self, messages: Sequence[Mapping[str, str]], prefill: str = "") -> list[int]:
        if not self._templated:
            return self._model.encode_prompt(plain_text(messages) + prefill)
        return self._model.render(messages, prefill)

    async def arender(
        self, messages: Sequence[Mapping[str, str]], prefill: str = ""
    ) -> list[int]:
        if not self._templated:
            return await self._model.aencode_prompt(plain_text(messages) + prefill)
        return await self._model.arender(messages, prefill)

    def encode(self, text: str) -> list[int]:
        return self._model.encode(text)

    async def aencode(self, text: str) -> list[int]:
        return await self._model.aencode(text)

    def encode_turn(self, text: str, speaker: str) -> list[int]:
        start = self._turn_starts.get(speaker)
        if start is None:
            sample = [self._model.render(_example(text, speaker, said)) for said in SAID]
            start = self._turn_starts[speaker] = _message_start(*sample)
        return self._model.render(_example(text, speaker, SAID[0]))[start:]

    async def aencode_turn(self, text: str, speaker: str) -> list[int]:
        start = self._turn_starts.get(speaker)
        if start is None:
            examples = (_example(text, speaker, said) for said in SAID)
            sample = [await self._model.arender(example) for example in examples]
            start = self._turn_starts[speaker] = _message_start(*sample)
        return (await self._model.arender(_example(text, speaker, SAID[0])))[start:]

    def _attempt(self, request: Request) -> Attempt:
        call = Call(transcript_ids(request.segments), request.cut)
        model = self._model.with_call(call, request.sampling)
        messages = transcript_messages(request.segments, request.layout)
        schema = request.sampling.schema
        options = {} if schema is None else {"response_format": response_format(schema)}
        return Attempt(model, messages, _Filled(call), options)


class _Filled:
    """The call itself takes what its model's server sends; nothing is left to take."""

    def __init__(self, call: Call) -> None:
        self._call = call

    def add(self, chunk: BaseMessage) -> bool:
        return True

    def mapped_errors(self) -> AbstractContextManager[None]:
        return nullcontext()

    def generation(self, messages: Sequence[BaseMessage]) -> Generation:
        return self._call.generation()


SAID = ("Understood", "Yes")
"""What the model says in two example chats that differ in nothing else; what follows it in
both is the template's text between turns and the message."""


def _example(text: str, speaker: str, said: str) -> list[dict[str, str]]:
    return [
        {"role": "user", "content": "?"},
        {"role": "assistant", "content": said},
        {"role": speaker, "content": text},
    ]


def _message_start(ids: Sequence[int], others: Sequence[int]) -> int:
    """Return where in the first chat's ids the text after the model's turn begins.

    Raises:
        ModelError: the template leaves out what the model said.
    """
    common = 0
    for one, other in zip(reversed(ids), reversed(others), strict=False):
        if one != other:
            break
        common += 1
    if common in (len(ids), len(others)):
        msg = (
            "the model's chat template leaves out the assistant's messages: a dialect with "
            "turns cannot be used; serve the model with the template it was trained with"
        )
        raise ModelError(msg)
    return len(ids) - common


def transcript_ids(segments: Sequence[SegmentDict]) -> list[int]:
    """Return the ids of all segments, joined.

    Raises:
        ValueError: a segment has none; the graph gives every insertion its ids.
    """
    ids: list[int] = []
    for segment in segments:
        own = segment.get("token_ids")
        if own is None:
            msg = f"a {segment['kind']} segment of a token-exact run has no token ids"
            raise ValueError(msg)
        ids.extend(own)
    return ids
