"""Token-exact reasoner: ids to the server, ids back, appended and never joined as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .base import CutFunction, Generation, Reasoner, Sampling, SegmentDict
from .messages import to_messages
from .served import Call, ServedChatModel


class TokenReasoner(Reasoner):
    """Continues a transcript over a server that gives token ids (vLLM)."""

    exactness = "token"

    def __init__(self, model: ServedChatModel, *, context_limit: int | None = None) -> None:
        self._model = model
        self.name = model.model
        if context_limit is not None:
            model.learn_limit(context_limit)

    @property
    def context_limit(self) -> int | None:  # type: ignore[override]
        """The server's context length in tokens, None until it has told it."""
        return self._model.context_limit

    def render(self, messages: Sequence[Mapping[str, str]], prefill: str = "") -> list[int]:
        return self._model.render(messages, prefill)

    async def arender(
        self, messages: Sequence[Mapping[str, str]], prefill: str = ""
    ) -> list[int]:
        return await self._model.arender(messages, prefill)

    def encode(self, text: str) -> list[int]:
        return self._model.encode(text)

    async def aencode(self, text: str) -> list[int]:
        return await self._model.aencode(text)

    def generate(
        self,
        segments: Sequence[SegmentDict],
        *,
        cut: CutFunction,
        stop: Sequence[str],
        sampling: Sampling,
        config: Any = None,
    ) -> Generation:
        call = Call(transcript_ids(segments), cut)
        model = self._model.with_call(call, sampling)
        for _ in model.stream(to_messages(segments), config):
            pass
        return call.generation()

    async def agenerate(
        self,
        segments: Sequence[SegmentDict],
        *,
        cut: CutFunction,
        stop: Sequence[str],
        sampling: Sampling,
        config: Any = None,
    ) -> Generation:
        call = Call(transcript_ids(segments), cut)
        model = self._model.with_call(call, sampling)
        async for _ in model.astream(to_messages(segments), config):
            pass
        return call.generation()


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
