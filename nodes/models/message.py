"""Message-level reasoner: any chat model, the transcript as alternating turns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage

from .base import Layout, ModelError, SegmentDict
from .chat_reasoner import Attempt, Request
from .continuation import TextReasoner
from .messages import to_turns, without_opening
from .object_settings import ObjectSettings
from .text_route import ServedTextModel


class MessageReasoner(TextReasoner):
    """Runs the protocol over a chat-only model.

    Results are given as user messages, since a chat API cannot place them inside the
    assistant's own text; the server's template is unknown, and the trace says so.
    """

    exactness = "message"

    def __init__(
        self, model: BaseChatModel, name: str, *, context_limit: int | None = None
    ) -> None:
        super().__init__(model, name, context_limit=context_limit)
        is_served = isinstance(model, ServedTextModel)
        self._settings = None if is_served else ObjectSettings(model)

    @property
    def overridden(self) -> dict[str, Any]:
        return self._settings.overridden if self._settings else {}

    def _attempt(self, request: Request) -> Attempt:
        attempt = super()._attempt(request)
        if self._settings is None:
            return attempt
        most = self._max_tokens(request.sampling)
        sampling = request.sampling.with_max_tokens(most)
        return attempt._replace(model=self._settings.apply(sampling))

    def _adapt(self, error: ModelError) -> None:
        try:
            super()._adapt(error)
        except ModelError:
            if self._settings is None or not self._settings.leave_out(error):
                raise

    def _messages(
        self, segments: Sequence[SegmentDict], layout: Layout
    ) -> list[BaseMessage]:
        if layout == "inline":
            return to_turns(segments)
        # A chat API answers a last message of the assistant instead of continuing it.
        return to_turns(without_opening(segments), keeps_speakers=True)
