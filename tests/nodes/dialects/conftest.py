"""A graph over a scripted model that continues text, in any inline dialect."""

from __future__ import annotations

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from scripted import FewPages

from langgraph_deepsearch import create_deep_search_agent
from langgraph_deepsearch.trace import read_traces


class NextReply(BaseChatModel):
    """Gives its replies in order; keeps what it was asked to continue."""

    continues_text: bool = True
    replies: list[str]
    seen: list[str] = []

    @property
    def _llm_type(self):
        return "next-reply"

    def _generate(self, messages, stop=None, run_manager=None, **kwargs):
        self.seen.append(messages[-1].text if messages[-1].type == "ai" else "")
        message = AIMessage(self.replies[len(self.seen) - 1])
        return ChatResult(generations=[ChatGeneration(message=message)])


@pytest.fixture
def agent_of_text(tmp_path):
    """Return a function from dialect and replies to (result, trace, texts continued)."""

    def run(dialect, replies, **settings):
        model = NextReply(replies=list(replies), seen=[])
        agent = create_deep_search_agent(
            model, search=FewPages(), dialect=dialect, trace_dir=tmp_path, **settings
        )
        result = agent.invoke({"question": "What is the capital of Peru?"})
        *_, trace = read_traces(tmp_path / "traces.jsonl")
        return result, trace, model.seen

    return run
