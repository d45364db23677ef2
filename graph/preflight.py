"""Asks for everything a run needs before any work is done."""

from __future__ import annotations

import asyncio
from typing import Any

from langgraph.graph.state import CompiledStateGraph


def check_agent(agent: CompiledStateGraph[Any, Any, Any, Any]) -> dict[str, Any]:
    """Carry out an agent's first step, which builds all of its parts, and nothing else.

    So a missing corpus, key or server is said once and at once, not by every rollout, and
    before a model has written anything. Files and keys are looked at before a server is
    asked.

    Args:
        agent: from `create_deep_search_agent`.

    Returns:
        What a run is fixed to: `settings`, `limits`, `model`.

    Raises:
        DeepSearchError: what is missing, and what to do about it.
    """
    first_step = agent.ainvoke(
        {"question": "?"}, interrupt_after=["prepare"], output_keys=["run"]
    )
    return asyncio.run(first_step)["run"]
