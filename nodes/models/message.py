"""Message-level reasoner: any chat model, the transcript as alternating turns."""

from __future__ import annotations

from collections.abc import Sequence

from langchain_core.messages import BaseMessage

from .base import Layout, SegmentDict
from .continuation import TextReasoner
from .messages import to_turns, without_opening


class MessageReasoner(TextReasoner):
    """Runs the protocol over a chat-only model.

    Results are given as user messages, since a chat API cannot place them inside the
    assistant's own text; the server's template is unknown, and the trace says so.
    """

    exactness = "message"

    def _messages(
        self, segments: Sequence[SegmentDict], layout: Layout
    ) -> list[BaseMessage]:
        if layout == "inline":
            return to_turns(segments)
        # A chat API answers a last message of the assistant instead of continuing it.
        return to_turns(without_opening(segments), keeps_speakers=True)
