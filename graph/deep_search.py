"""The deep-search graph: prepare, reason, search, summarize, generate.

    prepare ─► reason ─► search (one task a query) ─► summarize ─► reason … ─► generate
                     └─► read (one task a page)  ─┘

`graph` is what `langgraph.json` names; it takes everything from the run's `Context`.
`create_deep_search_agent` makes one with parts of your own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import RetryPolicy, Send

from ..context import Context
from ..nodes.components import Components
from ..nodes.generate import Generate
from ..nodes.models.retry import is_retryable
from ..nodes.prepare import Prepare
from ..nodes.read import Read
from ..nodes.reason import Reason, RouteState, route
from ..nodes.search import Search
from ..nodes.summarize import Summarize
from ..state import DeepSearchInput, DeepSearchOutput, DeepSearchState
from .recorder import trace_callbacks
from .step import step

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langgraph.types import Checkpointer

    from ..nodes.condensers.base import Condenser
    from ..nodes.dialects import Dialect
    from ..nodes.models.base import Reasoner
    from ..tools.base import Reader, SearchProvider

MODEL_RETRIES = RetryPolicy(max_attempts=3, initial_interval=1.0, retry_on=is_retryable)
"""Retries of a step that calls a model. LangGraph's default policy retries a 400, which
can never work, and not a time-out."""


def build_graph(
    components: Components,
) -> StateGraph[DeepSearchState, Context, DeepSearchInput, DeepSearchOutput]:
    """Return the uncompiled graph over the given parts."""
    builder = StateGraph(
        DeepSearchState,
        context_schema=Context,
        input_schema=DeepSearchInput,
        output_schema=DeepSearchOutput,
    )
    for name, node in (
        ("prepare", Prepare(components)),
        ("reason", Reason(components)),
        ("search", Search(components)),
        ("read", Read(components)),
        ("summarize", Summarize(components)),
        ("generate", Generate(components)),
    ):
        policy = None if name in ("search", "read") else MODEL_RETRIES
        builder.add_node(name, step(name, node.run, node.arun), retry_policy=policy)
    builder.add_edge(START, "prepare")
    builder.add_edge("prepare", "reason")
    # As a two-form step: under `ainvoke` LangGraph runs a plain function in a thread.
    router = step("route", route, _aroute)
    builder.add_conditional_edges(
        "reason", router, ["reason", "search", "read", "summarize", "generate"]
    )
    builder.add_edge("search", "summarize")
    builder.add_edge("read", "summarize")
    builder.add_edge("summarize", "reason")
    builder.add_edge("generate", END)
    return builder


async def _aroute(state: RouteState) -> list[Send] | str:
    return route(state)


def create_deep_search_agent(
    model: str | BaseChatModel | Reasoner | None = None,
    *,
    search: str | SearchProvider | None = None,
    reader: str | Reader | None = None,
    condenser: str | Condenser | None = None,
    dialect: str | Dialect | None = None,
    checkpointer: Checkpointer = None,
    store: Any = None,
    name: str = "deep_search",
    **settings: Any,
) -> CompiledStateGraph[Any, Any, Any, Any]:
    """Return a deep-search agent as a compiled graph.

    Use it on its own, as a node or sub-graph, or as a tool (`deep_search_tool`).
    Settings of a single run go in with it: `agent.invoke({"question": …},
    context={"max_searches": 3})`; they win over those given here.

    Args:
        model: a served model's name (with `base_url=` among the settings), a
            `provider:model` string, or any chat model. None: the run's `Context.model`.
        search: a provider, or one of `tavily`, `serper`, `searxng:URL`, `corpus:PATH`,
            `dense:PATH`, `hybrid:PATH`, `http:URL`, `http+CONTRACT:URL`, `simulated:URL`
            (docs/tools.md).
        reader: reads pages by their addresses: `web` (over HTTP, the default),
            `corpus:PATH`, or an object of your own.
        condenser: the summarize step: `none`, `extractive`, `reason_in_documents`, or
            an object of your own.
        dialect: how the model speaks; see `list_dialects()`.
        checkpointer: keeps threads, so that a killed run resumes and can be forked.
        store: LangGraph's long-term store, handed through.
        name: the graph's name.
        settings: any field of `Context`.

    Raises:
        ValueError: a setting is unknown or out of bounds.
        UnknownDialectError: no dialect has that name.
        NoAnswerDialectError: the dialect given is one that answers no questions.
        SearchSpecError: `search` names no known provider.

    Example:
        >>> agent = create_deep_search_agent(  # doctest: +SKIP
        ...     "my-model", base_url="http://127.0.0.1:8000/v1", search="tavily"
        ... )
        >>> agent.invoke({"question": "Who founded …?"})["answer"]  # doctest: +SKIP
    """
    parts = {
        "model": model,
        "search": search,
        "reader": reader,
        "condenser": condenser,
        "dialect": dialect,
    }
    components = Components.of(parts, settings)
    # The environment's is told by a run: an import must not fail for it.
    if dialect is not None:
        components.check_dialect()
    compiled = build_graph(components).compile(
        checkpointer=checkpointer, store=store, name=name
    )
    return compiled.with_config(callbacks=trace_callbacks())


graph = create_deep_search_agent()
"""The graph of `langgraph.json`. No checkpointer: the server brings its own."""
