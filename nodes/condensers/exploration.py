"""The explorer's sub-graph: a model that searches on and follows links until it knows.

    explore ─► act (search or click) ─► explore … ─► findings

WebThinker's Deep Web Explorer (scripts/run_web_thinker.py). The model speaks the explorer's
dialect; pages it opens are condensed for what it was thinking when it opened them, and show
their links. Unlike the original, an interaction's text is appended once (the original
appends the whole accumulated output again at :286, :321 and :388), and tokens are counted,
not words. Before the transcript is full the findings are asked for. A model that fails ends
the exploration, which keeps what it has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_core.runnables import RunnableConfig, RunnableLambda
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from typing_extensions import TypedDict

from ...tools.base import Page, Reader, ReadError, SearchError, SearchProvider
from ...trace import Document
from ..dialects.base import Action
from ..dialects.web_thinker import BEGIN_CLICK, ExplorerDialect, tidy_findings
from ..insertion import inserted_tokens, shortened
from ..models.base import Generation, ModelError, Reasoner, Sampling
from .asking import without_thought
from .base import Condensed, Condenser, CondenseRequest
from .page_list import list_links, list_pages

MAX_INTERACTIONS = 10
"""Searches and clicks of one exploration (WebThinker's limit)."""

MAX_TOKENS = 30_000
"""Tokens of one exploration in all, prompt and results too (WebThinker's limit); fewer where
the model's context is smaller."""

FINDINGS_TOKENS = 512
"""Tokens of findings that are asked for (WebThinker's limit)."""

RESERVE = FINDINGS_TOKENS + 128
"""Tokens kept free for them, with the words that ask for them."""

INTENT_CHARS = 600
"""Characters of the thought before a click that say what the page is opened for."""


class Exploration(TypedDict):
    """The state of one exploration."""

    request: CondenseRequest
    segments: list[dict[str, Any]]
    action: Action
    is_torn: bool
    """Whether the last turn was cut off by its limit, before any action."""
    interactions: int
    context_tokens: int
    """The transcript's length, estimated where no ids are known."""
    prompt_tokens: int
    completion_tokens: int
    children: list[Any]
    documents: list[Document]
    asked: list[str]
    """Queries and addresses already tried."""
    findings: str
    error: str
    """Why the model failed; empty while it has not."""


@dataclass(frozen=True)
class Explorer:
    """What an exploration works with; `graph` is its compiled sub-graph."""

    reasoner: Reasoner
    search: SearchProvider
    reader: Reader
    page_condenser: Condenser
    sampling: Sampling
    top_k: int = 10
    max_interactions: int = MAX_INTERACTIONS
    dialect: ExplorerDialect = field(default_factory=ExplorerDialect)

    @property
    def max_tokens(self) -> int:
        """Longest transcript in tokens."""
        return min(MAX_TOKENS, self.reasoner.context_limit or MAX_TOKENS)

    def graph(self) -> CompiledStateGraph:
        """Return the sub-graph; it keeps no checkpoints of its own."""
        builder = StateGraph(Exploration)
        builder.add_node("explore", RunnableLambda(self._explore, self._aexplore))
        builder.add_node("act", RunnableLambda(self._act, self._aact))
        builder.add_edge(START, "explore")
        builder.add_conditional_edges("explore", _route, ["explore", "act", END])
        builder.add_conditional_edges("act", _route_back, ["explore", END])
        return builder.compile(checkpointer=False, name="explorer")

    def _explore(self, state: Exploration, config: RunnableConfig) -> dict[str, Any]:
        segments, forced = list(state["segments"]), self._is_spent(state)
        try:
            if forced:
                text = self.dialect.force_answer()
                segments.append(_inserted(state, text, self.reasoner.encode(text)))
            arguments = self._arguments(state, segments, config, forced=forced)
            generation = self.reasoner.generate(segments, **arguments)
        except ModelError as error:
            return {"error": str(error)}
        return self._wrote(state, segments, generation, forced=forced)

    async def _aexplore(self, state: Exploration, config: RunnableConfig) -> dict[str, Any]:
        segments, forced = list(state["segments"]), self._is_spent(state)
        try:
            if forced:
                text = self.dialect.force_answer()
                ids = await self.reasoner.aencode(text)
                segments.append(_inserted(state, text, ids))
            arguments = self._arguments(state, segments, config, forced=forced)
            generation = await self.reasoner.agenerate(segments, **arguments)
        except ModelError as error:
            return {"error": str(error)}
        return self._wrote(state, segments, generation, forced=forced)

    def _act(self, state: Exploration, config: RunnableConfig) -> dict[str, Any]:
        action = state["action"]
        given, condensed, found = self._known(state), Condensed(""), []
        if given is not None:
            pass
        elif action.kind == "search":
            try:
                found = self.search.search(action.queries[0], self.top_k)
                given = self._results(found, action.queries[0])
            except SearchError:
                given = self._shown(self.dialect.error_message())
        else:
            try:
                page = self.reader.read(action.url)
            except ReadError:
                given = _Given(self.dialect.unread_message())
            else:
                found = [_document(page)]
                request = self._page_request(state, found)
                condensed = self.page_condenser.condense(request, config)
                given = self._clicked(page, condensed)
        acted = self._acted(state, condensed, found)
        try:
            return {**acted, **self._place(state, given)}
        except ModelError as error:
            return {**acted, "error": str(error)}

    async def _aact(self, state: Exploration, config: RunnableConfig) -> dict[str, Any]:
        action = state["action"]
        given, condensed, found = self._known(state), Condensed(""), []
        if given is not None:
            pass
        elif action.kind == "search":
            try:
                found = await self.search.asearch(action.queries[0], self.top_k)
                given = self._results(found, action.queries[0])
            except SearchError:
                given = self._shown(self.dialect.error_message())
        else:
            try:
                page = await self.reader.aread(action.url)
            except ReadError:
                given = _Given(self.dialect.unread_message())
            else:
                found = [_document(page)]
                request = self._page_request(state, found)
                condensed = await self.page_condenser.acondense(request, config)
                given = self._clicked(page, condensed)
        acted = self._acted(state, condensed, found)
        try:
            return {**acted, **await self._aplace(state, given)}
        except ModelError as error:
            return {**acted, "error": str(error)}

    def _is_spent(self, state: Exploration) -> bool:
        is_full = state["context_tokens"] + RESERVE >= self.max_tokens
        enough = state["interactions"] >= self.max_interactions
        return state["is_torn"] or is_full or enough

    def _arguments(
        self,
        state: Exploration,
        segments: Sequence[dict[str, Any]],
        config: RunnableConfig,
        *,
        forced: bool,
    ) -> dict[str, Any]:
        added = inserted_tokens(segments[len(state["segments"]) :])
        left = self.max_tokens - state["context_tokens"] - added
        most = min(left, FINDINGS_TOKENS) if forced else left - RESERVE
        return {
            "cut": self.dialect.first_action_end,
            "stop": self.dialect.stop,
            "sampling": self.sampling.with_max_tokens(max(1, most)),
            "config": config,
        }

    def _wrote(
        self,
        state: Exploration,
        segments: list[dict[str, Any]],
        generation: Generation,
        *,
        forced: bool,
    ) -> dict[str, Any]:
        text = generation.text
        action = self.dialect.parse(text)
        is_marked = self.dialect.extract_answer(text) is not None
        is_open = action.kind in ("answer", "invalid") and not is_marked
        is_torn = is_open and not forced and generation.finish_reason == "length"
        if forced or (action.kind == "invalid" and not text.strip()):
            action = Action("answer", text=text)
        ends = action.kind == "answer" and not is_torn
        written = {
            "kind": "answer" if ends else "reason",
            "speaker": "assistant",
            "text": text,
            "trainable": True,
            "turn": state["request"].turn,
        }
        segments.append(_with_ids(written, generation.token_ids))
        counted = state["context_tokens"] + inserted_tokens(
            segments[len(state["segments"]) :]
        )
        told = generation.prompt_tokens + generation.completion_tokens
        return {
            "segments": segments,
            "action": action,
            "is_torn": is_torn,
            "findings": self._findings(text, forced=forced) if ends else "",
            "context_tokens": counted if generation.estimated else max(counted, told),
            "prompt_tokens": state["prompt_tokens"] + generation.prompt_tokens,
            "completion_tokens": state["completion_tokens"] + generation.completion_tokens,
        }

    def _findings(self, text: str, *, forced: bool) -> str:
        said = without_thought(text)
        found = self.dialect.extract_answer(said)
        if found is not None:
            return found
        return tidy_findings(said) if forced else self.dialect.last_lines(said)

    def _known(self, state: Exploration) -> _Given | None:
        """Return the message for an action that is not carried out, None if it is."""
        action, asked = state["action"], state["asked"]
        if action.kind == "invalid":
            return _Given(self.dialect.invalid_message(action.text))
        if action.kind == "search" and action.queries[0] in asked:
            return _Given(self.dialect.repeat_message(action.queries[0]))
        if action.kind == "click" and action.url in asked:
            return _Given(self.dialect.clicked_message())
        return None

    def _results(self, found: Sequence[Document], query: str) -> _Given:
        return self._shown(
            list_pages(found, query) if found else self.dialect.empty_message()
        )

    def _shown(self, said: str) -> _Given:
        return _Given(said, self.dialect.render_results)

    def _page_request(
        self, state: Exploration, found: Sequence[Document]
    ) -> CondenseRequest:
        request = state["request"]
        thought = str(state["segments"][-1]["text"]).rpartition(BEGIN_CLICK)[0]
        return CondenseRequest(
            question=request.question,
            query=request.query,
            documents=found,
            turn=request.turn,
            url=found[0].url,
            goal=" ".join(thought[-INTENT_CHARS:].split()) or request.query,
        )

    def _clicked(self, page: Page, condensed: Condensed) -> _Given:
        said = condensed.text or "The page says nothing about what is wanted."
        text = f"{said}\n\n{list_links(page)}".strip()
        neutralize, wrap = self.dialect.neutralize, self.dialect.wrap_clicked
        return _Given(text, lambda shown: wrap(neutralize(shown)))

    def _acted(
        self, state: Exploration, condensed: Condensed, found: Sequence[Document]
    ) -> dict[str, Any]:
        action = state["action"]
        return {
            "interactions": state["interactions"] + 1,
            "asked": [*state["asked"], *action.queries, *action.urls],
            "children": [*state["children"], *condensed.children],
            "documents": [*state["documents"], *found],
        }

    def _place(self, state: Exploration, given: _Given) -> dict[str, Any]:
        while True:
            ids = self.reasoner.encode(given.text)
            placed = _inserted(state, given.text, ids, kind="result")
            shorter = self._shorter(state, given, placed)
            if shorter is None:
                return _appended(state, placed)
            given = shorter

    async def _aplace(self, state: Exploration, given: _Given) -> dict[str, Any]:
        while True:
            ids = await self.reasoner.aencode(given.text)
            placed = _inserted(state, given.text, ids, kind="result")
            shorter = self._shorter(state, given, placed)
            if shorter is None:
                return _appended(state, placed)
            given = shorter

    def _shorter(
        self, state: Exploration, given: _Given, placed: dict[str, Any]
    ) -> _Given | None:
        """Return what is given cut to the room left, None where it needs no cut."""
        if given.wrap is None:
            return None  # a fixed message
        room = max(0, self.max_tokens - RESERVE - state["context_tokens"])
        said = shortened(given.said, inserted_tokens([placed]), room)
        return None if said is None else _Given(said, given.wrap)


@dataclass(frozen=True)
class _Given:
    """What the model reads next: a fixed message, or a text that may be cut and its frame."""

    said: str
    wrap: Callable[[str], str] | None = None

    @property
    def text(self) -> str:
        return self.said if self.wrap is None else self.wrap(self.said)


def _route(state: Exploration) -> str:
    if state["error"]:
        return END
    if state["is_torn"]:
        return "explore"  # which asks for the findings
    return END if state["action"].kind == "answer" else "act"


def _route_back(state: Exploration) -> str:
    return END if state["error"] else "explore"


def _inserted(
    state: Exploration, text: str, ids: list[int] | None, kind: str = "notice"
) -> dict[str, Any]:
    segment = {
        "kind": kind,
        "speaker": "tool",
        "text": text,
        "trainable": False,
        "turn": state["request"].turn,
    }
    return _with_ids(segment, ids)


def _appended(state: Exploration, placed: dict[str, Any]) -> dict[str, Any]:
    return {
        "segments": [*state["segments"], placed],
        "context_tokens": state["context_tokens"] + inserted_tokens([placed]),
    }


def _with_ids(segment: Mapping[str, Any], ids: list[int] | None) -> dict[str, Any]:
    return dict(segment) if ids is None else {**segment, "token_ids": ids}


def _document(page: Page) -> Document:
    return Document(title=page.title, text=page.text, url=page.url, date=page.date)
