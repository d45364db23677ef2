"""The explorer's sub-graph: a model that searches on and follows links until it knows.

    explore ─► act (search or click) ─► explore … ─► findings

WebThinker's Deep Web Explorer (scripts/run_web_thinker.py). The model speaks the explorer's
dialect; pages it opens are condensed for what it was thinking when it opened them, and show
their links. Unlike the original, an interaction's text is appended once (the original
appends the whole accumulated output again at :286, :321 and :388).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_core.runnables import RunnableConfig, RunnableLambda
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from typing_extensions import TypedDict

from ...tools.base import Page, Reader, ReadError, SearchError, SearchProvider
from ...trace import Document
from ..dialects.base import Action
from ..dialects.web_thinker import ExplorerDialect
from ..models.base import Generation, Reasoner, Sampling
from .asking import without_thought
from .base import Condensed, Condenser, CondenseRequest

MAX_INTERACTIONS = 10
"""Searches and clicks of one exploration (WebThinker's limit)."""

MAX_TOKENS = 30_000
"""Tokens the model may write in one exploration (WebThinker's limit)."""

MAX_LINKS = 30
"""Links shown of a page; our own choice."""

SNIPPET_CHARS = 500
"""Characters of a page shown among search results; our own choice."""

INTENT_CHARS = 600
"""Characters of the thought before a click that say what the page is opened for."""


class Exploration(TypedDict):
    """The state of one exploration."""

    request: CondenseRequest
    segments: list[dict[str, Any]]
    action: Action
    interactions: int
    prompt_tokens: int
    completion_tokens: int
    children: list[Any]
    documents: list[Document]
    asked: list[str]
    """Queries and addresses already tried."""
    findings: str


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

    def graph(self) -> CompiledStateGraph:
        """Return the sub-graph; it keeps no checkpoints of its own."""
        builder = StateGraph(Exploration)
        builder.add_node("explore", RunnableLambda(self._explore, self._aexplore))
        builder.add_node("act", RunnableLambda(self._act, self._aact))
        builder.add_edge(START, "explore")
        builder.add_conditional_edges("explore", _route, ["act", END])
        builder.add_edge("act", "explore")
        return builder.compile(checkpointer=False, name="explorer")

    def _explore(self, state: Exploration, config: RunnableConfig) -> dict[str, Any]:
        segments = list(state["segments"])
        forced = self._is_spent(state)
        if forced:
            text = self.dialect.force_answer()
            segments.append(self._notice(state, text, self.reasoner.encode(text)))
        generation = self.reasoner.generate(segments, **self._arguments(state, config))
        return self._wrote(state, segments, generation, forced=forced)

    async def _aexplore(self, state: Exploration, config: RunnableConfig) -> dict[str, Any]:
        segments = list(state["segments"])
        forced = self._is_spent(state)
        if forced:
            text = self.dialect.force_answer()
            ids = await self.reasoner.aencode(text)
            segments.append(self._notice(state, text, ids))
        arguments = self._arguments(state, config)
        generation = await self.reasoner.agenerate(segments, **arguments)
        return self._wrote(state, segments, generation, forced=forced)

    def _act(self, state: Exploration, config: RunnableConfig) -> dict[str, Any]:
        action = state["action"]
        known = self._known(state, action)
        condensed, found = Condensed(""), []
        if known:
            text = known
        elif action.kind == "search":
            try:
                found = self.search.search(action.queries[0], self.top_k)
                text = self._results(found)
            except SearchError:
                text = self.dialect.render_results(self.dialect.error_message())
        else:
            try:
                page = self.reader.read(action.url)
            except ReadError:
                text = self._unread()
            else:
                found = [_document(page)]
                request = self._page_request(state, found)
                condensed = self.page_condenser.condense(request, config)
                text = self._clicked(page, condensed)
        ids = self.reasoner.encode(text)
        return self._acted(state, text, ids, condensed, found)

    async def _aact(self, state: Exploration, config: RunnableConfig) -> dict[str, Any]:
        action = state["action"]
        known = self._known(state, action)
        condensed, found = Condensed(""), []
        if known:
            text = known
        elif action.kind == "search":
            try:
                found = await self.search.asearch(action.queries[0], self.top_k)
                text = self._results(found)
            except SearchError:
                text = self.dialect.render_results(self.dialect.error_message())
        else:
            try:
                page = await self.reader.aread(action.url)
            except ReadError:
                text = self._unread()
            else:
                found = [_document(page)]
                request = self._page_request(state, found)
                condensed = await self.page_condenser.acondense(request, config)
                text = self._clicked(page, condensed)
        ids = await self.reasoner.aencode(text)
        return self._acted(state, text, ids, condensed, found)

    def _is_spent(self, state: Exploration) -> bool:
        if state["completion_tokens"] >= MAX_TOKENS:
            return True
        return state["interactions"] >= self.max_interactions

    def _arguments(self, state: Exploration, config: RunnableConfig) -> dict[str, Any]:
        left = max(1, MAX_TOKENS - state["completion_tokens"])
        return {
            "cut": self.dialect.first_action_end,
            "stop": self.dialect.stop,
            "sampling": self.sampling.with_max_tokens(left),
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
        action = self.dialect.parse(generation.text)
        if forced or (action.kind == "invalid" and not generation.text.strip()):
            action = Action("answer", text=self._findings(generation.text))
        written = {
            "kind": "answer" if action.kind == "answer" else "reason",
            "speaker": "assistant",
            "text": generation.text,
            "trainable": True,
            "turn": state["request"].turn,
        }
        segments.append(_with_ids(written, generation.token_ids))
        return {
            "segments": segments,
            "action": action,
            "findings": without_thought(action.text) if action.kind == "answer" else "",
            "prompt_tokens": state["prompt_tokens"] + generation.prompt_tokens,
            "completion_tokens": state["completion_tokens"] + generation.completion_tokens,
        }

    def _findings(self, text: str) -> str:
        found = self.dialect.extract_answer(text)
        return text.strip() if found is None else found

    def _known(self, state: Exploration, action: Action) -> str:
        """Return the message for an action that is not carried out, empty if it is."""
        if action.kind == "invalid":
            return self.dialect.invalid_message(action.text)
        if action.kind == "search" and action.queries[0] in state["asked"]:
            return self.dialect.repeat_message(action.queries[0])
        if action.kind == "click" and action.url in state["asked"]:
            return self.dialect.wrap_clicked("You have already visited this page.")
        return ""

    def _results(self, found: Sequence[Document]) -> str:
        if not found:
            return self.dialect.render_results(self.dialect.empty_message())
        return self.dialect.render_results(list_pages(found))

    def _page_request(
        self, state: Exploration, found: Sequence[Document]
    ) -> CondenseRequest:
        request = state["request"]
        thought = str(state["segments"][-1]["text"]).rpartition("<|begin_click_link|>")[0]
        return CondenseRequest(
            question=request.question,
            query=request.query,
            documents=found,
            turn=request.turn,
            url=found[0].url,
            goal=" ".join(thought[-INTENT_CHARS:].split()) or request.query,
        )

    def _clicked(self, page: Page, condensed: Condensed) -> str:
        said = condensed.text or "The page says nothing about what is wanted."
        links = list_links(page)
        text = self.dialect.neutralize(f"{said}\n\n{links}".strip())
        return self.dialect.wrap_clicked(text)

    def _unread(self) -> str:
        return self.dialect.wrap_clicked("The page could not be read.")

    def _acted(
        self,
        state: Exploration,
        text: str,
        ids: list[int] | None,
        condensed: Condensed,
        found: Sequence[Document],
    ) -> dict[str, Any]:
        action = state["action"]
        given = self._notice(state, text, ids, kind="result")
        return {
            "segments": [*state["segments"], given],
            "interactions": state["interactions"] + 1,
            "asked": [*state["asked"], *action.queries, *action.urls],
            "children": [*state["children"], *condensed.children],
            "documents": [*state["documents"], *found],
        }

    def _notice(
        self, state: Exploration, text: str, ids: list[int] | None, kind: str = "notice"
    ) -> dict[str, Any]:
        segment = {
            "kind": kind,
            "speaker": "tool",
            "text": text,
            "trainable": False,
            "turn": state["request"].turn,
        }
        return _with_ids(segment, ids)


def _route(state: Exploration) -> str:
    return END if state["action"].kind == "answer" else "act"


def _with_ids(segment: Mapping[str, Any], ids: list[int] | None) -> dict[str, Any]:
    return dict(segment) if ids is None else {**segment, "token_ids": ids}


def _document(page: Page) -> Document:
    return Document(title=page.title, text=page.text, url=page.url, date=page.date)


def list_pages(documents: Sequence[Document]) -> str:
    """Return search results as the explorer reads them: title, address, what they say."""
    entries = []
    for number, document in enumerate(documents, 1):
        said = " ".join((document.snippet or document.text)[:SNIPPET_CHARS].split())
        entries.append(f"{number}. {document.title}\n{document.url}\n{said}".rstrip())
    return "\n\n".join(entries)


def list_links(page: Page) -> str:
    """Return a page's first links, each address once."""
    links: dict[str, str] = {}
    for label, url in page.links:
        if label.strip() and url not in links and len(links) < MAX_LINKS:
            links[url] = " ".join(label.split())
    if not links:
        return ""
    return "Links:\n" + "\n".join(f"- {label}: {url}" for url, label in links.items())
