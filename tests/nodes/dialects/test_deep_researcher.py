"""DeepResearcher: the tools as Qwen2.5's chat template writes them, results as it prints them."""

from __future__ import annotations

import json

import pytest

from langgraph_deepsearch.nodes.dialects import get_dialect
from langgraph_deepsearch.nodes.dialects.base import Result

DIALECT = get_dialect("deep_researcher")
HEAD = (
    "\n\n# Tools\n\nYou may call one or more functions to assist with the user query.\n\n"
    "You are provided with function signatures within <tools></tools> XML tags:\n<tools>\n"
)
TAIL = (
    "\n</tools>\n\nFor each function call, return a json object with function name and "
    "arguments within <tool_call></tool_call> XML tags:\n<tool_call>\n"
    '{"name": <function-name>, "arguments": <args-json-object>}\n</tool_call>'
)


def assert_tools_follow(system: str) -> str:
    """Return what stands before the template's block."""
    before, head, rest = system.partition(HEAD)
    listed, tail, after = rest.partition(TAIL)
    assert head
    assert (tail, after) == (TAIL, "")
    names = [json.loads(line)["function"]["name"] for line in listed.split("\n")]
    assert names == ["web_search", "browse_webpage"]
    return before


def test_the_tools_follow_our_own_instruction():
    system, user = DIALECT.prompt("Who?", today="2026-01-02")
    before = assert_tools_follow(system["content"])
    assert before.startswith("## Background information \n* Today is 2026-01-02\n")
    assert user == {"role": "user", "content": "Who?"}


def test_they_follow_that_of_a_prompt_file():
    system, user = DIALECT.prompt("Who?", instruction="ORIGINAL {today}\n", today="now")
    assert assert_tools_follow(system["content"]) == "ORIGINAL now\n"
    assert (system["role"], user["content"]) == ("system", "Who?")


def test_a_prompt_file_may_bring_its_own():
    given = 'ORIGINAL\n<tools>\n{"name": "web_search"}\n</tools>'
    assert DIALECT.prompt("Who?", instruction=given)[0]["content"] == given
    whole = [{"role": "user", "content": "ORIGINAL {question}"}]
    assert DIALECT.prompt("Who?", instruction=whole) == [
        {"role": "user", "content": "ORIGINAL Who?"}
    ]


def searched(call):
    """Return the result of one query of a real observation, its pages as documents."""
    documents = [
        {"title": page["title"], "url": page["url"], "snippet": page["quick_summary"]}
        for page in call["web_page_info_list"]
    ]
    text = DIALECT.format_documents(documents)
    return Result(text, query=call["search_query"], documents=documents)


def browsed(page):
    """Return the result of one page of a real observation, as a reader notes it."""
    noted = json.dumps(page["information"], ensure_ascii=False)
    return Result(noted, url=page["url"], documents=[{"text": "a page"}])


@pytest.mark.parametrize(
    ("file", "result", "count"), [("data_search", searched, 3), ("data_read", browsed, 10)]
)
def test_real_observations_come_back_as_the_template_prints_them(
    shared, file, result, count
):
    path = shared(f"observations_deepresearcher/{file}.json")
    (record,) = json.loads(path.read_text(encoding="utf-8"))
    content = record["content"]
    assert len(content) == count
    joined = DIALECT.join_results([result(one) for one in content])
    # A template prints a list as Python does.
    printed = f"<tool_response>\n{content}\n</tool_response>"
    assert DIALECT.render_results(joined) == printed


def test_a_result_that_is_no_list_is_all_there_is_to_show():
    for text in ("(1) Peru: 'a' country", "7", "None"):
        joined = DIALECT.join_results([Result(text, query="peru")])
        shown = {"quick_summary": text, "title": "", "url": ""}
        assert joined == repr([{"search_query": "peru", "web_page_info_list": [shown]}])
