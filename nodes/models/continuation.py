"""Text-exact reasoner: a chat model that continues its own partial message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import aclosing, closing
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage

from .base import CutFunction, Generation, ModelError, Reasoner, Sampling, SegmentDict
from .collect import Collector
from .messages import to_messages
from .text_route import ServedTextModel


class TextReasoner(Reasoner):
    """Base of reasoners over any chat model; no token ids."""

    def __init__(
        self, model: BaseChatModel, name: str, *, context_limit: int | None = None
    ) -> None:
        self._model = model
        self._takes_stop = True
        self.name = name
        self.context_limit = context_limit

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

    def generate(
        self,
        segments: Sequence[SegmentDict],
        *,
        cut: CutFunction,
        stop: Sequence[str],
        sampling: Sampling,
        config: Any = None,
    ) -> Generation:
        messages = self._messages(segments)
        while True:
            collector = Collector(cut, stop)
            options = self._options(stop if self._takes_stop else (), sampling)
            try:
                with (
                    collector.mapped_errors(),
                    closing(
                        self._until(collector).stream(messages, config, **options)
                    ) as s,
                ):
                    for chunk in s:
                        if not collector.add(chunk):
                            break
            except ModelError as error:
                self._drop_stop(error)
                continue
            return collector.generation(messages)

    async def agenerate(
        self,
        segments: Sequence[SegmentDict],
        *,
        cut: CutFunction,
        stop: Sequence[str],
        sampling: Sampling,
        config: Any = None,
    ) -> Generation:
        messages = self._messages(segments)
        while True:
            collector = Collector(cut, stop)
            options = self._options(stop if self._takes_stop else (), sampling)
            try:
                with collector.mapped_errors():
                    model = self._until(collector)
                    async with aclosing(model.astream(messages, config, **options)) as s:
                        async for chunk in s:
                            if not collector.add(chunk):
                                break
            except ModelError as error:
                self._drop_stop(error)
                continue
            return collector.generation(messages)

    def _until(self, collector: Collector) -> Any:
        # Typed loosely: `stream` is a generator, which its declared type does not say.
        if isinstance(self._model, ServedTextModel):
            return self._model.until(lambda: collector.is_cut)
        return self._model

    def _drop_stop(self, error: ModelError) -> None:
        """Go on without stop strings where the model refuses them; else raise."""
        # OpenAI's reasoning models: "Unsupported parameter: 'stop' is not supported".
        text = str(error)
        refused = "'stop'" in text and "support" in text and not error.retryable
        if not (refused and self._takes_stop):
            raise error
        self._takes_stop = False

    def _messages(self, segments: Sequence[SegmentDict]) -> list[BaseMessage]:
        raise NotImplementedError

    def _options(self, stop: Sequence[str], sampling: Sampling) -> dict[str, Any]:
        """Return the keywords of one call."""
        if not isinstance(self._model, ServedTextModel):
            # Hosted models refuse settings they lack, so those of the object count.
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
        }

    def _max_tokens(self, sampling: Sampling) -> int:
        # vLLM refuses a limit above its context length instead of lowering it.
        return min(sampling.max_tokens, self.context_limit or sampling.max_tokens)


class ContinuationReasoner(TextReasoner):
    """Continues the transcript as one assistant message, byte for byte.

    For a model whose attribute `continues_text` is true: given the prompt's messages and
    an assistant message with the text so far, it returns only what comes next.
    """

    exactness = "text"

    def _messages(self, segments: Sequence[SegmentDict]) -> list[BaseMessage]:
        return to_messages(segments)

    def _options(self, stop: Sequence[str], sampling: Sampling) -> dict[str, Any]:
        if isinstance(self._model, ServedTextModel):
            return super()._options(stop, sampling)
        return {"seed": sampling.seed}
