"""Text-exact reasoner: a chat model that continues its own partial message."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage

from .base import Layout, ModelError, Sampling, SegmentDict
from .chat_reasoner import Attempt, ChatReasoner, Request
from .collect import Collector
from .messages import transcript_messages
from .plain import PlainTemplate
from .structured import response_format
from .text_route import ServedTextModel

_TOO_MANY = re.compile(r"max_model_len=(\d+)|at most (\d+) completion tokens")
"""vLLM's and OpenAI's words for a `max_tokens` above what the model can write."""


class TextReasoner(ChatReasoner):
    """Base of reasoners over any chat model; no token ids."""

    def __init__(
        self, model: BaseChatModel, name: str, *, context_limit: int | None = None
    ) -> None:
        self._model = model
        self._takes_stop = True
        self._most_tokens: int | None = None
        self.name = name
        self.context_limit = context_limit
        self.takes_schema = isinstance(model, ServedTextModel) and model.takes_extra

    def render(self, messages: Sequence[Mapping[str, str]], prefill: str = "") -> None:
        return None

    async def arender(
        self, messages: Sequence[Mapping[str, str]], prefill: str = ""
    ) -> None:
        return None

    def encode(self, text: str) -> None:
        return None

    async def aencode(self, text: str) -> None:
        return None

    def _attempt(self, request: Request) -> Attempt:
        collector = Collector(request.cut, request.stop)
        return Attempt(
            self._until(collector),
            self._messages(request.segments, request.layout),
            collector,
            self._options(request.stop if self._takes_stop else (), request.sampling),
        )

    def _until(self, collector: Collector) -> BaseChatModel:
        if isinstance(self._model, ServedTextModel):
            return self._model.until(lambda: collector.is_cut)
        return self._model

    def _adapt(self, error: ModelError) -> None:
        text = str(error)
        most = _TOO_MANY.search(text)
        if most and self._most_tokens is None:
            self._most_tokens = int(most[1] or most[2])
            return
        # OpenAI's reasoning models: "Unsupported parameter: 'stop' is not supported".
        refused = "'stop'" in text and "support" in text and not error.retryable
        if not (refused and self._takes_stop):
            raise error
        self._takes_stop = False

    def _messages(
        self, segments: Sequence[SegmentDict], layout: Layout
    ) -> list[BaseMessage]:
        raise NotImplementedError

    def _options(self, stop: Sequence[str], sampling: Sampling) -> dict[str, Any]:
        """Return the keywords of one call."""
        if not isinstance(self._model, ServedTextModel):
            # Their settings are fields of the object (`object_settings.py`).
            return {"stop": list(stop)} if stop else {}
        return {
            "stop": list(stop) or None,
            "max_tokens": self._max_tokens(sampling),
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "top_k": sampling.top_k,
            "repetition_penalty": sampling.repetition_penalty,
            "seed": sampling.seed,
            "include_stop_str_in_output": True,
            "response_format": None
            if sampling.schema is None
            else response_format(sampling.schema),
        }

    def _max_tokens(self, sampling: Sampling) -> int:
        # Servers refuse a limit above their own instead of lowering it.
        own = sampling.max_tokens
        return min(own, self.context_limit or own, self._most_tokens or own)


class ContinuationReasoner(TextReasoner):
    """Continues the transcript as one assistant message, byte for byte.

    For a model whose attribute `continues_text` is true: given the prompt's messages and
    an assistant message with the text so far, it returns only what comes next.
    """

    exactness = "text"

    def without_template(self) -> ContinuationReasoner:
        model = self._model
        if not isinstance(model, ServedTextModel):
            return self
        plain = model.model_copy(
            update={"route": "completions", "template": PlainTemplate(model.template)}
        )
        return ContinuationReasoner(plain, self.name, context_limit=self.context_limit)

    def _messages(
        self, segments: Sequence[SegmentDict], layout: Layout
    ) -> list[BaseMessage]:
        return transcript_messages(segments, layout)

    def _options(self, stop: Sequence[str], sampling: Sampling) -> dict[str, Any]:
        if isinstance(self._model, ServedTextModel):
            return super()._options(stop, sampling)
        return {"seed": sampling.seed}
