"""Explorer: a query's pages are the start of an exploration, its findings the evidence.

WebThinker's summarize step: an agent of its own, with the same model, in a sub-graph. See
`exploration.py`. Where the model fails, whatever was found until then is left to the
fallback, and the record keeps what was written and spent.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, ClassVar, cast

from ...trace import ChildRecord, Segment
from ..budget import estimate_tokens
from ..dialects.base import Action
from ..dialects.parts.prompt import fill_in
from ..dialects.web_thinker import EXPLORER_INSTRUCTION
from ..models.base import ModelError, chat_segments
from .base import Condensed, Condenser, CondenseRequest
from .exploration import Exploration, Explorer
from .page_list import PAGE_CHARS, list_pages
from .reason_in_documents import NOTHING_FOUND, shorten_reasoning

Messages = list[dict[str, str]]

PROMPT_SHARE = 0.5
"""Share of the transcript that its beginning may take; the rest is for exploring. Our own
choice."""

SHORTER_PAGES = (PAGE_CHARS, 1000, 500, 200, 0)
"""Characters of a page on each side, tried one after the other until the prompt fits."""

SHORT_INTENT = 2000
"""Characters of the reasoning that are kept at last, where the prompt fits in no other way."""


class ExplorerCondenser:
    """Explores the web from a query's documents."""

    name = "explorer"
    needed: ClassVar[tuple[str, ...]] = ("query", "pages")
    """The names that no prompt in place of its own can do without."""

    def __init__(
        self, explorer: Explorer, *, fallback: Condenser, prompt: str = ""
    ) -> None:
        self._explorer = explorer
        self._prompt = prompt or EXPLORER_INSTRUCTION
        self._graph = explorer.graph()
        self._fallback = fallback

    def condense(self, request: CondenseRequest, config: Any = None) -> Condensed:
        """Return the findings; no exploration where the search found nothing."""
        if not request.documents:
            return Condensed("")
        started = time.monotonic()
        state = _begin(request)
        try:
            for messages in self._prompts(request):
                state = _opened(state, messages, self._explorer.reasoner.render(messages))
                if self._fits(state):
                    break
            state = cast("Exploration", self._graph.invoke(state, config))
        except ModelError as error:  # the prompt alone; later ones stand in the state
            state["error"] = str(error)
        if not state["error"]:
            return self._condensed(request, state, started)
        instead = self._fallback.condense(_with_found(request, state), config)
        return self._instead(request, state, instead, started)

    async def acondense(self, request: CondenseRequest, config: Any = None) -> Condensed:
        """Async version of `condense`."""
        if not request.documents:
            return Condensed("")
        started = time.monotonic()
        state = _begin(request)
        try:
            for messages in self._prompts(request):
                ids = await self._explorer.reasoner.arender(messages)
                state = _opened(state, messages, ids)
                if self._fits(state):
                    break
            state = cast("Exploration", await self._graph.ainvoke(state, config))
        except ModelError as error:  # the prompt alone; later ones stand in the state
            state["error"] = str(error)
        if not state["error"]:
            return self._condensed(request, state, started)
        instead = await self._fallback.acondense(_with_found(request, state), config)
        return self._instead(request, state, instead, started)

    def _prompts(self, request: CondenseRequest) -> Iterator[Messages]:
        """Yield the prompt, then ever shorter ones."""
        intent = shorten_reasoning(request.reasoning, request.begin_markers)
        for chars in SHORTER_PAGES:
            yield self._messages(request, intent, chars)
        yield self._messages(request, intent[-SHORT_INTENT:], SHORTER_PAGES[-1])

    def _messages(self, request: CondenseRequest, intent: str, chars: int) -> Messages:
        listed = list_pages(request.documents, request.query, chars)
        parts = {
            "query": request.query,
            "intent": intent,
            # The explorer's own tags too: a page must not click a link.
            "pages": self._explorer.dialect.neutralize(listed),
        }
        return [{"role": "user", "content": fill_in(self._prompt, parts)}]

    def _fits(self, state: Exploration) -> bool:
        return state["context_tokens"] <= PROMPT_SHARE * self._explorer.max_tokens

    def _condensed(
        self, request: CondenseRequest, state: Exploration, started: float
    ) -> Condensed:
        found = state["findings"]
        if found.rstrip(".").lower() == NOTHING_FOUND.rstrip(".").lower():
            found = ""
        return Condensed(
            found,
            children=(self._child(state, started), *state["children"]),
            used=tuple(document.id for document in request.documents) if found else (),
            documents=tuple(state["documents"]),
        )

    def _instead(
        self,
        request: CondenseRequest,
        state: Exploration,
        instead: Condensed,
        started: float,
    ) -> Condensed:
        children = (self._child(state, started), *state["children"], *instead.children)
        own = {document.id for document in request.documents}
        return Condensed(
            instead.text,
            children=children,
            used=tuple(one for one in instead.used if one in own),
            documents=tuple(state["documents"]),
        )

    def _child(self, state: Exploration, started: float) -> ChildRecord:
        return ChildRecord(
            step=self.name,
            turn=state["request"].turn,
            model=self._explorer.reasoner.name,
            segments=[Segment(**segment) for segment in state["segments"]],
            prompt_tokens=state["prompt_tokens"],
            completion_tokens=state["completion_tokens"],
            seconds=time.monotonic() - started,
            error=state["error"] or None,
        )


def _begin(request: CondenseRequest) -> Exploration:
    return {
        "request": request,
        "segments": [],
        "action": Action("invalid", text="nothing was done yet"),
        "is_torn": False,
        "interactions": 0,
        "context_tokens": 0,
        "prompt_tokens": 0,
        "completion_tokens": 0,
        "children": [],
        "documents": [],
        "asked": [request.query],
        "findings": "",
        "error": "",
    }


def _opened(
    state: Exploration, messages: Sequence[dict[str, str]], ids: list[int] | None
) -> Exploration:
    """Return the state with a prompt."""
    texts = (message["content"] for message in messages)
    length = sum(map(estimate_tokens, texts)) if ids is None else len(ids)
    return {
        **state,
        "segments": chat_segments(messages, ids),
        "context_tokens": length,
    }


def _with_found(request: CondenseRequest, state: Exploration) -> CondenseRequest:
    """Return the request with the documents that were found before the model failed."""
    return replace(request, documents=[*request.documents, *state["documents"]])
