"""Whatever a record holds, it comes back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langgraph_deepsearch.curation.imports import original_record
from langgraph_deepsearch.curation.imports.importing import SOURCES, get_source
from langgraph_deepsearch.trace import parse_trace

PIECES = (
    *("<|begin_of_query|>", "<|end_of_query|>", "\n\n<|begin_of_documents|>\n"),
    *("(1)", "\n(2)", '"Title: A ""b"" Text:  c"', "<|end_of_documents|>\n\n", "<answer>"),
    *("</answer>", "<think>\n", "\n</think>\n", "<tool_call>\n", "\n</tool_call>"),
    *('{"name": "search", "arguments": {"query": ["q"]}}', "<search>", "</search>"),
    *("<query>q</query>", "Search learnings: <learnings>", "</learnings>\n", "```\n"),
    *("<tool_response>\n", "\n\n</tool_response>", "\n=======\n", "## Web Results\n"),
    *("ActionPath 1: Start\n", "Thought 1: x\n", "Action 1: Search[y]\n", "Finish[z]"),
    *("Observation 1: found\n", "<|begin_search_query|>", "<|end_search_query|>"),
    *("\n\n<|begin_search_result|>", "<|end_search_result|>\n\n", "\\boxed{a}", "\n", " é"),
)
TEXT = st.lists(st.sampled_from(PIECES) | st.text(max_size=4), max_size=9).map("".join)
SCALAR = st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=4)
EXTRA = st.dictionaries(st.sampled_from(["x", "tag", "id", "answer"]), SCALAR, max_size=2)
CHAT = st.lists(TEXT, min_size=1, max_size=4).map(
    lambda texts: [
        {"role": "system", "content": "s"},
        {"role": "user", "content": f"User: {texts[0]}"},
        *(
            {"role": ("assistant", "user")[n % 2], "content": text}
            for n, text in enumerate(texts)
        ),
    ]
)
RECORDS = {
    "r1_searcher": st.fixed_dictionaries({"question": TEXT, "gen_text_store": TEXT}),
    "web_dancer": st.fixed_dictionaries({"messages": CHAT}),
    "o2_searcher": st.fixed_dictionaries({"messages": CHAT}),
    "knowagent": st.fixed_dictionaries({"input": TEXT, "output": TEXT})
    | st.fixed_dictionaries({"prompt": TEXT}),
    "simple_deep_searcher": st.fixed_dictionaries({"Question": TEXT, "Output": TEXT})
    | st.fixed_dictionaries(
        {
            "item": st.fixed_dictionaries({"Question": TEXT}),
            "prompt": TEXT,
            "output": TEXT,
            "history": st.lists(TEXT, max_size=3),
            "all_info": st.lists(
                st.fixed_dictionaries({"turn_1_reason": TEXT}), max_size=3
            ),
        }
    ),
}


def test_every_source_is_tried():
    assert set(RECORDS) == set(SOURCES)


@pytest.mark.parametrize("name", sorted(RECORDS))
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_record_comes_back_from_a_trace_file(name, data):
    record = {**data.draw(RECORDS[name]), **data.draw(EXTRA)}
    trace = get_source(name).trace_of(record, Path("file.jsonl"), 1)
    read = parse_trace(trace.model_dump_json().encode(), Path("traces.jsonl"), 1)
    assert json.dumps(original_record(read)) == json.dumps(record)
