from __future__ import annotations

import pytest
from langgraph_deepsearch.nodes.models.base import Sampling, chat_segments

STOP = "<|end_search_query|>"
MESSAGES = [{"role": "user", "content": "Where was the director of Aurora born?"}]


def cut(text):
    end = text.find(STOP)
    return end + len(STOP) if end >= 0 else None


@pytest.fixture
def ask():
    """Return the arguments of `generate` besides the segments."""

    def make(**changed):
        arguments = {"cut": cut, "stop": (STOP,), "sampling": Sampling(max_tokens=500)}
        return {**arguments, **changed}

    return make


@pytest.fixture
def segments_for():
    def make(reasoner):
        return chat_segments(MESSAGES, reasoner.render(MESSAGES))

    return make


@pytest.fixture
def messages():
    return MESSAGES
