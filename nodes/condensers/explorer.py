"""Explorer: a query's pages are the start of an exploration, its findings the evidence.

WebThinker's summarize step: an agent of its own, with the same model, in a sub-graph. See
`exploration.py`.
"""

from __future__ import annotations

import re
import time
from typing import Any

from ...trace import ChildRecord, Segment
from ..dialects.base import Action
from ..dialects.web_thinker import EXPLORER_INSTRUCTION
from ..models.base import ModelError, chat_segments
from .base import Condensed, Condenser, CondenseRequest
from .exploration import Exploration, Explorer, list_pages
from .reason_in_documents import NOTHING_FOUND, shorten_reasoning


class ExplorerCondenser:
    """Explores the web from a query's documents."""

    name = "explorer"

    def __init__(self, explorer: Explorer, *, fallback: Condenser) -> None:
        self._explorer = explorer
        self._graph = explorer.graph()
        self._fallback = fallback

    def condense(self, request: CondenseRequest, config: Any = None) -> Condensed:
        """Return the findings; no exploration where the search found nothing."""
        if not request.documents:
            return Condensed("")
        messages = self._messages(request)
        started = time.monotonic()
        try:
            ids = self._explorer.reasoner.render(messages)
            state = self._graph.invoke(_begin(request, messages, ids), config)
        except ModelError as error:
            instead = self._fallback.condense(request, config)
            return self._failed(request, messages, instead, started, error)
        return self._condensed(request, state, started)

    async def acondense(self, request: CondenseRequest, config: Any = None) -> Condensed:
        """Async version of `condense`."""
        if not request.documents:
            return Condensed("")
        messages = self._messages(request)
        started = time.monotonic()
        try:
            ids = await self._explorer.reasoner.arender(messages)
            state = await self._graph.ainvoke(_begin(request, messages, ids), config)
        except ModelError as error:
            instead = await self._fallback.acondense(request, config)
            return self._failed(request, messages, instead, started, error)
        return self._condensed(request, state, started)

    def _messages(self, request: CondenseRequest) -> list[dict[str, str]]:
        parts = {
            "query": request.query,
            "intent": shorten_reasoning(request.reasoning, request.begin_markers),
            # The explorer's own tags too: a page must not click a link.
            "pages": self._explorer.dialect.neutralize(list_pages(request.documents)),
        }
        # One pass, so that a page which says {query} is not filled in.
        content = re.sub(r"\{(\w+)\}", lambda m: parts[m[1]], EXPLORER_INSTRUCTION)
        return [{"role": "user", "content": content}]

    def _condensed(
        self, request: CondenseRequest, state: dict[str, Any], started: float
    ) -> Condensed:
        child = ChildRecord(
            step=self.name,
            turn=request.turn,
            model=self._explorer.reasoner.name,
            segments=[Segment(**segment) for segment in state["segments"]],
            prompt_tokens=state["prompt_tokens"],
            completion_tokens=state["completion_tokens"],
            seconds=time.monotonic() - started,
        )
        found = " ".join(state["findings"].split())
        if found.rstrip(".").lower() == NOTHING_FOUND.rstrip(".").lower():
            found = ""
        return Condensed(
            found,
            children=(child, *state["children"]),
            used=tuple(document.id for document in request.documents) if found else (),
            documents=tuple(state["documents"]),
        )

    def _failed(
        self,
        request: CondenseRequest,
        messages: list[dict[str, str]],
        instead: Condensed,
        started: float,
        error: ModelError,
    ) -> Condensed:
        child = ChildRecord(
            step=self.name,
            turn=request.turn,
            model=self._explorer.reasoner.name,
            segments=[Segment(**s) for s in chat_segments(messages, None)],
            seconds=time.monotonic() - started,
            error=str(error),
        )
        return Condensed(
            instead.text, children=(child, *instead.children), used=instead.used
        )


def _begin(
    request: CondenseRequest, messages: list[dict[str, str]], ids: list[int] | None
) -> Exploration:
    return {
        "request": request,
        "segments": chat_segments(messages, ids),
        "action": Action("invalid", text="nothing was done yet"),
        "interactions": 0,
        "prompt_tokens": 0,
        "completion_tokens": 0,
        "children": [],
        "documents": [],
        "asked": [request.query],
        "findings": "",
    }
