"""Agents over a scripted model."""

from __future__ import annotations

import pytest
from scripted import FewPages, ScriptedModel

from langgraph_deepsearch import create_deep_search_agent


@pytest.fixture
def agent_of():
    """Return a function from replies to (agent, model, search)."""

    def make(*replies: str, **settings):
        model = ScriptedModel(replies=list(replies), seen=[])
        search = FewPages()
        agent = create_deep_search_agent(
            model,
            search=search,
            condenser=settings.pop("condenser", "extractive"),
            **settings,
        )
        return agent, model, search

    return make
