"""LangChain's own standard tests of a chat model, against the served model."""

from __future__ import annotations

import pytest

pytest.importorskip("langchain_tests", reason="pip install langchain-tests")

from langchain_tests.integration_tests import ChatModelIntegrationTests
from langchain_tests.unit_tests import ChatModelUnitTests

from langgraph_deepsearch.nodes.models.served import ServedChatModel


class TestUnit(ChatModelUnitTests):
    @property
    def chat_model_class(self):
        return ServedChatModel

    @property
    def chat_model_params(self):
        return {"model": "fake-model", "base_url": "http://127.0.0.1:9/v1"}


class TestOverHttp(ChatModelIntegrationTests):
    @pytest.fixture(autouse=True)
    def _server(self, fake_server):
        fake_server.script(lambda prompt: "Hello! Why was six afraid of seven? 7 8 9.")
        TestOverHttp.url = fake_server.base_url

    @property
    def chat_model_class(self):
        return ServedChatModel

    @property
    def chat_model_params(self):
        return {"model": "fake-model", "base_url": self.url}

    @property
    def has_tool_calling(self):
        return False

    @property
    def has_structured_output(self):
        return False
