"""A graph node with a sync and an async form, so that `invoke` and `ainvoke` both work."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from langchain_core.runnables import Runnable

# LangGraph's own two-form runnable, as LangChain's agents use it: a RunnableLambda would
# add a traced run of its own to every node, and cannot be given the runtime.
from langgraph._internal._runnable import RunnableCallable


def step(
    name: str, run: Callable[..., Any], arun: Callable[..., Awaitable[Any]]
) -> Runnable:
    """Return a node that runs `run` under invoke and `arun` under ainvoke."""
    return RunnableCallable(run, arun, name=name, trace=False)
