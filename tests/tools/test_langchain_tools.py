import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from langchain_core.tools import BaseTool

from langgraph_deepsearch import read_tool, search_tool
from langgraph_deepsearch.errors import DeepSearchError
from langgraph_deepsearch.tools.http_retriever import HttpRetriever
from langgraph_deepsearch.tools.langchain_tools import NOTHING_FOUND


def call(name: str, **arguments: str) -> dict[str, Any]:
    return {"type": "tool_call", "id": "1", "name": name, "args": arguments}


@pytest.fixture
def corpus(tmp_path: Path) -> str:
    path = tmp_path / "corpus.jsonl"
    record = {"id": "1", "title": "Tea", "text": "A drink.", "url": "http://t.test"}
    path.write_text(json.dumps(record) + "\n")
    return f"corpus:{path}"


def test_search_gives_text_and_documents_in_both_forms(corpus: str) -> None:
    tool = search_tool(corpus, k=3)
    assert isinstance(tool, BaseTool)
    assert tool.args["query"]["type"] == "string"
    assert tool.invoke({"query": "tea"}) == "[1] Tea http://t.test\nA drink."
    message = asyncio.run(tool.ainvoke(call("search", query="tea")))
    assert message.status == "success"
    assert message.artifact[0].title == "Tea"
    assert tool.invoke({"query": "zyzzyva"}) == NOTHING_FOUND


def test_read_takes_a_url_and_gives_text_and_page(site: Any, serve_page: Any) -> None:
    site.routes["/tea"] = serve_page(
        b"<title>Tea</title><body>" + b"<p>Tea is a drink made of leaves.</p>" * 20
    )
    tool = read_tool([site.host], max_chars=40)
    assert list(tool.args) == ["url"]
    for message in (
        tool.invoke(call("read", url=site.url + "/tea")),
        asyncio.run(tool.ainvoke(call("read", url=site.url + "/tea"))),
    ):
        assert message.status == "success"
        assert "Tea is a drink" in message.content
        assert message.content.endswith("more characters not shown]")
        assert message.artifact.title == "Tea"


def test_failures_are_tool_errors(site: Any, serve_json: Any) -> None:
    site.routes["/retrieve"] = serve_json((400, {}))
    search = search_tool(HttpRetriever(site.url))
    read = read_tool()
    for tool, argument in ((search, {"query": "tea"}), (read, {"url": site.url})):
        for message in (
            tool.invoke(call(tool.name, **argument)),
            asyncio.run(tool.ainvoke(call(tool.name, **argument))),
        ):
            assert message.status == "error"
            assert message.content.startswith("The ")


def test_setup_errors_come_when_the_tool_is_made() -> None:
    with pytest.raises(DeepSearchError, match="TAVILY_API_KEY"):
        search_tool()
    with pytest.raises(ValueError, match="k must"):
        search_tool("tavily", k=0)
    with pytest.raises(ValueError, match="max_chars"):
        read_tool(max_chars=0)
