"""Fixtures that every room's tests may use."""

from __future__ import annotations

import pytest
from fake_openai import FakeServer


@pytest.fixture
def fake_server():
    """A scripted model server; see `fake_openai.py`. Resolved models are forgotten after."""
    from langgraph_deepsearch.nodes.models.resolve import forget_reasoners

    with FakeServer() as server:
        yield server
    forget_reasoners()
