"""What the graph asks of a language model, whatever serves it.

A `Reasoner` continues a transcript (the run's segments). Three kinds exist, by how exact
the record they leave is: token (a server that gives token ids), text (a model that
continues a partial assistant message byte for byte), message (a chat-only model).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from ...errors import DeepSearchError
from ...trace import ChildRecord, Exactness

SegmentDict = Mapping[str, Any]
"""A `trace.Segment` as a plain dict, the form it has in graph state."""

CutFunction = Callable[[str], "int | None"]
"""Text written so far to the offset just after its first complete action, or None."""


class ModelError(DeepSearchError):
    """The model server failed; infrastructure, never shown to the model."""

    status: int | None = None
    """The HTTP status where a server answered with one."""
    retry_after: float | None = None
    """Seconds the server asks to wait, where it does."""

    def __init__(self, message: str, *, retryable: bool = False) -> None:
        super().__init__(message)
        self.retryable = retryable


class ContextOverflowError(ModelError):
    """The prompt does not fit the model's context."""

    def __init__(self, message: str, *, limit: int | None = None) -> None:
        super().__init__(message)
        self.limit = limit
        """The context length in tokens where the server names it."""


@dataclass(frozen=True)
class Sampling:
    """How to sample. The paper's generation settings: 0.6, 0.95, 40, 20,480 tokens."""

    temperature: float = 0.6
    top_p: float = 0.95
    top_k: int = 40
    max_tokens: int = 20480
    seed: int | None = None
    repetition_penalty: float = 1.0
    schema: Mapping[str, Any] | None = field(default=None, hash=False)
    """A JSON schema that the server holds the reply to; only for a reasoner with
    `takes_schema`."""

    def with_max_tokens(self, limit: int) -> Sampling:
        """Return the same with a lower token limit."""
        if limit >= self.max_tokens:
            return self
        return replace(self, max_tokens=max(1, limit))

    def with_seed(self, seed: int | None) -> Sampling:
        """Return the same with another seed."""
        return replace(self, seed=seed)


@dataclass(frozen=True)
class Piece:
    """The smallest cuttable unit of a generation: usually one token."""

    text: str
    token_ids: tuple[int, ...] | None = None
    logprobs: tuple[float, ...] | None = None


@dataclass(frozen=True)
class Generation:
    """What the model wrote in one turn; ends with its first complete action."""

    pieces: tuple[Piece, ...]
    finish_reason: Literal["action", "stop", "length"]
    """action: cut at the dialect's stop; stop: the model ended its turn; length: the
    token limit was hit."""
    prompt_tokens: int = 0
    cached_prompt_tokens: int = 0
    completion_tokens: int = 0
    estimated: bool = False
    """True when the server gave no token counts."""
    end_id: int | None = None
    """The end token that the model sampled last, where the server tells it; in no piece."""
    end_logprob: float | None = None
    children: tuple[ChildRecord, ...] = ()
    """The calls it was put together from, where several made it."""

    @property
    def text(self) -> str:
        """The text of all pieces, equal to the decoded token ids where there are any."""
        return "".join(piece.text for piece in self.pieces)

    @property
    def token_ids(self) -> list[int] | None:
        """Every token id, None unless the server gave them all."""
        if any(piece.token_ids is None for piece in self.pieces):
            return None
        return [i for piece in self.pieces for i in piece.token_ids or ()]


Layout = Literal["inline", "turns"]
"""Where results stand in the transcript; see `Dialect.layout`."""


class Reasoner(ABC):
    """A language model that continues a transcript.

    Each method has a sync and an async form. The graph calls `render` once for the
    prompt, `encode` once for every insertion, and puts the ids into the segments it
    appends, so `generate` never tokenises text again.
    """

    name: str
    """The model's name as recorded in the trace."""
    exactness: Exactness
    context_limit: int | None = None
    """The server's context length in tokens, None when it does not say."""
    takes_schema: bool = False
    """Whether `Sampling.schema` is sent to the server, which may still refuse it."""

    @property
    def overridden(self) -> dict[str, Any]:
        """Settings of a run that do not reach the model, to what counts in their place."""
        return {}

    @abstractmethod
    def render(
        self, messages: Sequence[Mapping[str, str]], prefill: str = ""
    ) -> list[int] | None:
        """Return the token ids of the templated prompt, None if not token-exact."""

    @abstractmethod
    async def arender(
        self, messages: Sequence[Mapping[str, str]], prefill: str = ""
    ) -> list[int] | None:
        """Async version of `render`."""

    @abstractmethod
    def encode(self, text: str) -> list[int] | None:
        """Return the token ids of an insertion tokenised alone, None if not token-exact."""

    @abstractmethod
    async def aencode(self, text: str) -> list[int] | None:
        """Async version of `encode`."""

    def encode_turn(self, text: str, speaker: str) -> list[int] | None:
        """Return the ids that end the model's turn, hold a message, and open the next.

        For dialects whose results are messages of their own: what the server's template
        puts between two turns is part of it. None if not token-exact.
        """
        return None

    async def aencode_turn(self, text: str, speaker: str) -> list[int] | None:
        """Async version of `encode_turn`."""
        return self.encode_turn(text, speaker)

    @abstractmethod
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
        """Continue the transcript until `cut` finds an action, the turn ends or `length`.

        Args:
            segments: the whole transcript, prompt first. The ids of the rendered prompt
                stand on the last prompt segment.
            cut: tells where the first complete action ends.
            stop: the dialect's stop strings, for servers that honour them.
            sampling: how to sample.
            config: the RunnableConfig of the calling node, so that token streaming
                (`stream_mode="messages"`), callbacks and tracing work.
            layout: whether results stand inside the model's one text or are messages of
                their own; passed only where it is `turns`.

        Raises:
            ContextOverflowError: the transcript does not fit.
            ModelError: the server failed.
        """

    @abstractmethod
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
        """Async version of `generate`."""

    def without_template(self) -> Reasoner:
        """Return the model with prompts as plain text, where it can be given any.

        A chat-only model is given the text as the user's message instead.
        """
        return self

    def complete(
        self, messages: Sequence[Mapping[str, str]], sampling: Sampling, config: Any = None
    ) -> Generation:
        """Answer plain chat messages: one call, nothing cut."""
        segments = chat_segments(messages, self.render(messages))
        return self.generate(
            segments, cut=_never, stop=(), sampling=sampling, config=config
        )

    async def acomplete(
        self, messages: Sequence[Mapping[str, str]], sampling: Sampling, config: Any = None
    ) -> Generation:
        """Async version of `complete`."""
        segments = chat_segments(messages, await self.arender(messages))
        return await self.agenerate(
            segments, cut=_never, stop=(), sampling=sampling, config=config
        )


def _never(_text: str) -> None:
    return None


def chat_segments(
    messages: Sequence[Mapping[str, str]], ids: list[int] | None, prefill: str = ""
) -> list[dict[str, Any]]:
    """Return a prompt as segments; the rendered ids stand on the last one."""
    segments: list[dict[str, Any]] = [
        {"kind": "prompt", "speaker": m["role"], "text": m["content"], "turn": 0}
        for m in messages
    ]
    if prefill:
        segments.append(
            {"kind": "prompt", "speaker": "assistant", "text": prefill, "turn": 0}
        )
    if ids is not None:
        for segment in segments:
            segment["token_ids"] = []
        segments[-1]["token_ids"] = ids
    return segments
