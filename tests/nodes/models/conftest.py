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


NOT_OURS = ("tool", "structured", "json", "pdf", "audio", "image", "anthropic", "init_time")
"""LangChain's standard tests of what a completions model does not offer, and a benchmark."""


def pytest_collection_modifyitems(config, items):
    standard = [item for item in items if "test_langchain_standard" in item.nodeid]
    left_out = [i for i in standard if any(word in i.name for word in NOT_OURS)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]
