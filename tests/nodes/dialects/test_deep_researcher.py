"""DeepResearcher's prompt: the tools as Qwen2.5's chat template writes them."""

from __future__ import annotations

import json

from langgraph_deepsearch.nodes.dialects import get_dialect

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
