"""DeepResearcher: the tools as Qwen2.5's chat template writes them, results as it prints them."""

from __future__ import annotations

import json
import re

import pytest
from scripted import FewPages

from langgraph_deepsearch import create_deep_search_agent
from langgraph_deepsearch.nodes.condensers.paging_reader import PART_CHARS
from langgraph_deepsearch.nodes.dialects import get_dialect
from langgraph_deepsearch.nodes.dialects.base import Result
from langgraph_deepsearch.tools.base import Page

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


def observed(shared, file):
    """Return the list of a real observation."""
    path = shared(f"observations_deepresearcher/{file}.json")
    (record,) = json.loads(path.read_text(encoding="utf-8"))
    return record["content"]


def test_real_searches_come_back_as_the_template_prints_them(shared):
    content = observed(shared, "data_search")
    assert len(content) == 3
    joined = DIALECT.join_results([searched(one) for one in content])
    # A template prints a list as Python does.
    printed = f"<tool_response>\n{content}\n</tool_response>"
    assert DIALECT.render_results(joined) == printed


class LongPages:
    """Reads any address: a page of three parts."""

    name = "long"
    settings = {}

    def read(self, url):
        return Page(url=url, title="T", text="x" * (2 * PART_CHARS + 9))


@pytest.fixture
def responses(fake_server):
    """Return a function from what a turn calls to the response the model reads."""
    fake_server.context_limit = 200_000

    def run(name, arguments, told=None, **parts):
        """Call a tool; `told` is what the page reader extracts, by a part's number."""
        call = json.dumps({"name": name, "arguments": arguments})
        turns = [
            f"I look.</think>\n<tool_call>\n{call}\n</tool_call>",
            "<answer>x</answer>",
        ]

        def reply(prompt):
            part = re.search(r"Part (\d+) of (\d+)", prompt)
            if part is None:
                return turns.pop(0)
            number = int(part[1]) - 1
            more = "yes" if any(n > number for n in told) else "no"
            said = told.get(number, "")
            return f"<extracted_info>{said}</extracted_info><page_down>{more}</page_down>"

        fake_server.script(reply)
        agent = create_deep_search_agent(
            "fake-model",
            base_url=fake_server.base_url,
            dialect="deep_researcher",
            **{"search": FewPages(), "reader": LongPages(), **parts},
        )
        agent.invoke({"question": "Who?"})
        read = fake_server.generations()[-1]["prompt"].rpartition("<tool_response>\n")[2]
        return read.partition("\n</tool_response>")[0]

    return run


def test_real_pages_come_back_from_the_reader_that_reads_them(shared, responses):
    content = observed(shared, "data_read")
    assert len(content) == 10
    assert sum(page["information"] == [] for page in content) == 3
    for page in content:
        told = {one["page_number"]: one["page_summary"] for one in page["information"]}
        read = responses("browse_webpage", {"url_list": [page["url"]]}, told)
        assert read == f"{[page]}"


def test_a_search_that_finds_nothing_or_fails_is_an_empty_list(responses):
    read = responses("web_search", {"query": ["nowhere", "down", "lima"]})
    nothing, failed, found = DIALECT.read_list(read)
    assert nothing == {"search_query": "nowhere", "web_page_info_list": []}
    assert failed == {"search_query": "down", "web_page_info_list": []}
    assert [page["title"] for page in found["web_page_info_list"]] == ["Lima"]


def test_a_result_that_is_no_list_is_all_there_is_to_show():
    for text in ("(1) Peru: 'a' country", "7", "None"):
        joined = DIALECT.join_results([Result(text, query="peru")])
        shown = {"quick_summary": text, "title": "", "url": ""}
        assert joined == repr([{"search_query": "peru", "web_page_info_list": [shown]}])
