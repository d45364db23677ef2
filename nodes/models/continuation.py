"""Text-exact reasoner: a chat model that continues its own partial message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage

from .base import CutFunction, Generation, Reasoner, Sampling, SegmentDict
from .collect import Collector
from .messages import to_messages

CONTINUE_BODY = {
    "continue_final_message": True,
    "add_generation_prompt": False,
    "include_stop_str_in_output": True,
}
"""What makes vLLM and transformers' server continue the last assistant message."""


class TextReasoner(Reasoner):
    """Base of reasoners over any chat model; no token ids."""

    def __init__(self, model: BaseChatModel, name: str, **call: Any) -> None:
        self._model = model
        self._call_options = call
        self.name = name

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
        collector = Collector(cut, stop)
        messages = self._messages(segments)
        options = self._options(stop, sampling)
        with collector.mapped_errors():
            stream = self._model.stream(messages, config, **options)
            for chunk in stream:
                if collector.add(chunk):
                    break
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
        collector = Collector(cut, stop)
        messages = self._messages(segments)
        options = self._options(stop, sampling)
        with collector.mapped_errors():
            stream = self._model.astream(messages, config, **options)
            async for chunk in stream:
                if collector.add(chunk):
                    break
        return collector.generation(messages)

    def _messages(self, segments: Sequence[SegmentDict]) -> list[BaseMessage]:
        raise NotImplementedError

    def _options(self, stop: Sequence[str], sampling: Sampling) -> dict[str, Any]:
        raise NotImplementedError


class ContinuationReasoner(TextReasoner):
    """Continues the transcript as one assistant message, byte for byte."""

    exactness = "text"

    def _messages(self, segments: Sequence[SegmentDict]) -> list[BaseMessage]:
        return to_messages(segments)

    def _options(self, stop: Sequence[str], sampling: Sampling) -> dict[str, Any]:
        if getattr(self._model, "continues_text", False):
            return {"seed": sampling.seed}
        return {
            "stop": list(stop) or None,
            "max_tokens": sampling.max_tokens,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "seed": sampling.seed,
            "extra_body": {**CONTINUE_BODY, "top_k": sampling.top_k},
        }
