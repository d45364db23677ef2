"""Deep search for LangGraph, and the flywheel that makes its model better.

Names are looked up on first use, so importing the package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .context import Context, ReportContext
    from .graph.deep_search import create_deep_search_agent
    from .graph.report import create_report_agent
    from .graph.tool import deep_search_tool
    from .nodes.dialects import get_dialect, list_dialects
    from .tools.langchain_tools import read_tool, search_tool
    from .trace import Document, Segment, Trace

_HOMES = {
    "Context": "context",
    "Document": "trace",
    "ReportContext": "context",
    "Segment": "trace",
    "Trace": "trace",
    "create_deep_search_agent": "graph.deep_search",
    "create_report_agent": "graph.report",
    "deep_search_tool": "graph.tool",
    "get_dialect": "nodes.dialects",
    "list_dialects": "nodes.dialects",
    "read_tool": "tools.langchain_tools",
    "search_tool": "tools.langchain_tools",
}
"""Public name to the module it lives in."""

__all__ = [
    "Context",
    "Document",
    "ReportContext",
    "Segment",
    "Trace",
    "create_deep_search_agent",
    "create_report_agent",
    "deep_search_tool",
    "get_dialect",
    "list_dialects",
    "read_tool",
    "search_tool",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
