"""The report graph: plan, search while sections are written, check and edit, a report.

    prepare ─► plan ─► reason ─┬─► search (one task a query) ─► summarize ─► reason …
                               ├─► write | edit | check ──────► reason …
                               └─► polish ─► generate

WebThinker's report mode (arXiv 2504.21776). The reasoning model researches and says what is
to be written; the writer, a model of its own if one is named, plans, writes and edits.
`graph` is what `langgraph.json` names; `create_report_agent` makes one with parts of your
own. See docs/report.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Send

from ..context import ReportContext
from ..nodes.dialects.parts.report import REPORT_ACTIONS
from ..nodes.prepare import Prepare
from ..nodes.reason import Reason, RouteState, route
from ..nodes.report.check import Check
from ..nodes.report.components import ReportComponents
from ..nodes.report.edit import Edit
from ..nodes.report.failure import end_with_report
from ..nodes.report.finish import Finish
from ..nodes.report.plan import Plan
from ..nodes.report.polish import Polish
from ..nodes.report.write import Write
from ..nodes.search import Search
from ..nodes.summarize import Summarize
from ..state import DeepSearchInput, ReportOutput, ReportState
from .deep_search import MODEL_RETRIES
from .recorder import trace_callbacks
from .step import step

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langgraph.types import Checkpointer

    from ..nodes.condensers.base import Condenser
    from ..nodes.dialects import Dialect
    from ..nodes.models.base import Reasoner
    from ..tools.base import Reader, SearchProvider


KEEPING = ("reason", "summarize", *REPORT_ACTIONS, "polish")
"""Steps that ask a model once there may be sections, which a failure must not lose."""


def build_graph(
    components: ReportComponents,
) -> StateGraph[ReportState, ReportContext, DeepSearchInput, ReportOutput]:
    """Return the uncompiled graph over the given parts."""
    builder = StateGraph(
        ReportState,
        context_schema=ReportContext,
        input_schema=DeepSearchInput,
        output_schema=ReportOutput,
    )
    for name, node in (
        ("prepare", Prepare(components, opens=False)),
        ("plan", Plan(components)),
        ("reason", Reason(components, tools=REPORT_ACTIONS)),
        ("search", Search(components)),
        ("summarize", Summarize(components, keeps_opened=True)),
        ("write", Write(components)),
        ("edit", Edit(components)),
        ("check", Check(components)),
        ("polish", Polish(components)),
        ("generate", Finish(components)),
    ):
        # langgraph takes a handler of (state, error); its annotations know nodes alone.
        handler: Any = end_with_report if name in KEEPING else None
        builder.add_node(
            name,
            step(name, node.run, node.arun),
            retry_policy=None if name == "search" else MODEL_RETRIES,
            error_handler=handler,
        )
    builder.add_edge(START, "prepare")
    builder.add_edge("prepare", "plan")
    builder.add_edge("plan", "reason")
    # As a two-form step: under `ainvoke` LangGraph runs a plain function in a thread.
    router = step("route", route_report, _aroute)
    builder.add_conditional_edges(
        "reason",
        router,
        ["reason", "search", "summarize", *REPORT_ACTIONS, "polish", "generate"],
    )
    builder.add_edge("search", "summarize")
    for name in ("summarize", *REPORT_ACTIONS):
        builder.add_edge(name, "reason")
    builder.add_edge("polish", "generate")
    builder.add_edge("generate", END)
    return builder


def route_report(state: RouteState) -> list[Send] | str:
    """Return the search tasks, or the step that follows.

    A run that a budget ended is finished at once, as its report stands.
    """
    following = route(state)
    is_finished = state["pending"]["kind"] == "answer"
    if is_finished and state["run"]["settings"]["polish"]:
        return "polish"
    return following


async def _aroute(state: RouteState) -> list[Send] | str:
    return route_report(state)


def create_report_agent(
    model: str | BaseChatModel | Reasoner | None = None,
    *,
    writer: str | BaseChatModel | Reasoner | None = None,
    search: str | SearchProvider | None = None,
    reader: str | Reader | None = None,
    condenser: str | Condenser | None = None,
    dialect: str | Dialect | None = None,
    checkpointer: Checkpointer = None,
    store: Any = None,
    name: str = "report",
    **settings: Any,
) -> CompiledStateGraph[Any, Any, Any, Any]:
    """Return an agent that writes a report on a question, as a compiled graph.

    It is used as `create_deep_search_agent`'s is. Its output has the `report` in markdown,
    with the cited `sources` numbered and listed at its end.

    Args:
        model: the reasoning model, which researches; see `create_deep_search_agent`.
        writer: the model that plans, writes and edits, in the same forms; a served name
            goes with `writer_url` among the settings. None: the run's
            `ReportContext.writer_model`, else the summarizer, else the reasoning model.
        search: a provider, or one of the names of `create_deep_search_agent`.
        reader: reads pages; over HTTP by default.
        condenser: how a search's documents become evidence; WebThinker's explorer by
            default.
        dialect: how the reasoning model speaks: `web_thinker_report`, or a file of your
            own with a `ReportDialect`.
        checkpointer: keeps threads, so that a killed run resumes and can be forked.
        store: LangGraph's long-term store, handed through.
        name: the graph's name.
        settings: any field of `ReportContext`.

    Raises:
        ValueError: a setting is unknown or out of bounds.
        UnknownDialectError: no dialect has that name.
        SearchSpecError: `search` names no known provider.
        NoReportDialectError: the dialect given is one that answers questions.

    Example:
        >>> agent = create_report_agent(  # doctest: +SKIP
        ...     "WebThinker-QwQ-32B", writer="Qwen2.5-32B-Instruct", search="tavily"
        ... )
        >>> agent.invoke({"question": "The history of …"})["report"]  # doctest: +SKIP
    """
    if isinstance(writer, str):
        settings["writer_model"], writer = writer, None
    parts = {
        "model": model,
        "search": search,
        "reader": reader,
        "condenser": condenser,
        "dialect": dialect,
    }
    components = ReportComponents.of(parts, settings, writer=writer)
    if dialect is not None:
        components.dialect_for({"settings": components.context(None).model_dump()})
    compiled = build_graph(components).compile(
        checkpointer=checkpointer, store=store, name=name
    )
    return compiled.with_config(callbacks=trace_callbacks())


graph = create_report_agent()
"""The graph of `langgraph.json`. No checkpointer: the server brings its own."""
