"""The agent as a tool of another agent."""

from __future__ import annotations

from typing import Any

from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.tools import BaseTool, StructuredTool

from ..nodes.sources import words_of
from .deep_search import create_deep_search_agent

DESCRIPTION = (
    "Answers a question that needs several searches: it searches, reads, reasons over what "
    "it finds and returns a short answer with its sources. Give it one complete question."
)


def deep_search_tool(
    agent: Runnable | None = None,
    *,
    name: str = "deep_search",
    description: str = DESCRIPTION,
    **settings: Any,
) -> BaseTool:
    """Return a tool that answers a question by deep search.

    Args:
        agent: a graph from `create_deep_search_agent`; made from `settings` if absent.
        name: the tool's name.
        description: what the calling model is told.
        settings: arguments of `create_deep_search_agent`.

    Returns:
        A tool with one argument, `question`. Its content is the answer and numbered
        sources; its artifact the graph's output.
    """
    graph = agent if agent is not None else create_deep_search_agent(**settings)

    def answer(question: str, config: RunnableConfig) -> tuple[str, dict[str, Any]]:
        output = graph.invoke({"question": question}, config)
        return _content(output), output

    async def aanswer(question: str, config: RunnableConfig) -> tuple[str, dict[str, Any]]:
        output = await graph.ainvoke({"question": question}, config)
        return _content(output), output

    return StructuredTool.from_function(
        answer,
        aanswer,
        name=name,
        description=description,
        response_format="content_and_artifact",
    )


def _content(output: dict[str, Any]) -> str:
    answer = output.get("answer") or "No answer was found."
    if output.get("report"):
        return answer  # it lists its own sources
    used = [source for source in output.get("sources", ()) if source["used"]]
    lines = [f"[{s['id']}] {' '.join(words_of(s))}".rstrip() for s in used]
    return "\n".join([answer, *(["", "Sources:", *lines] if lines else [])])
