"""An action that was written in a dialect's form is read as the same action, whatever its
texts hold short of a tag: quotes, braces, brackets, line breaks, halves of tags."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langgraph_deepsearch.nodes.dialects import (
    Action,
    get_dialect,
    list_dialects,
    list_variants,
)
from langgraph_deepsearch.nodes.dialects.parts.tool_calls import ToolCallDialect
from langgraph_deepsearch.nodes.dialects.web_thinker import ExplorerDialect

EXAMPLE = Path(__file__).parents[3] / "examples" / "dialects" / "question_mark.py"
NAMES = [name for main in list_dialects() for name in (main, *list_variants(main))]
DIALECTS = [get_dialect(name) for name in (*NAMES, str(EXAMPLE))]
REPORT, EXPLORER = get_dialect("web_thinker_report"), ExplorerDialect()


def each(dialects):
    return pytest.mark.parametrize("dialect", dialects, ids=[d.name for d in dialects])


OF_MANY_QUERIES = ("web_dancer", "deep_researcher", "mask_search", "o2_searcher")
"""Systems that ask several queries in one turn."""

MANY = [d for d in DIALECTS if d.name.partition(":")[0] in OF_MANY_QUERIES]
CALLING = [d for d in DIALECTS if isinstance(d, ToolCallDialect)]

HARD = "aB1 \"'\\{}[]()<>/|:,`$\n\té東"
LINE = st.text(HARD.replace("\n", ""), min_size=1, max_size=12).map(str.strip).filter(bool)
SAID = st.text(HARD, min_size=1, max_size=12).map(str.strip).filter(bool)
QUERIES = st.lists(SAID, min_size=1, max_size=4, unique=True)
EXAMPLES = settings(max_examples=60, deadline=None)


def is_balanced(text: str) -> bool:
    """Return whether a box could hold a text."""
    depth = 0
    for character in text:
        depth += (character == "{") - (character == "}")
        if depth < 0:
            return False
    return depth == 0


def assert_comes_back(dialect, turn, action, last):
    assert dialect.parse(turn) == action
    parts = dialect.split_turn(turn)
    assert "".join(turn[p.start : p.end] for p in parts) == turn
    assert parts[-1].kind == last
    end = dialect.first_action_end(turn)
    assert end in (None, len(turn))


@each([*DIALECTS, REPORT, EXPLORER])
@EXAMPLES
@given(thought=SAID, query=SAID)
def test_a_search(dialect, thought, query):
    action = Action("search", queries=(query,))
    assert_comes_back(dialect, dialect.format_turn(thought, action), action, "query")


@each(MANY)
@EXAMPLES
@given(thought=SAID, queries=QUERIES)
def test_a_search_of_several_queries(dialect, thought, queries):
    action = Action("search", queries=tuple(queries))
    assert_comes_back(dialect, dialect.format_turn(thought, action), action, "query")


@each(CALLING)
@EXAMPLES
@given(thought=SAID, urls=QUERIES, goal=SAID)
def test_a_read(dialect, thought, urls, goal):
    has_goal = any(tool.goal for tool in dialect.tools)
    action = Action("read", url=urls[0], urls=tuple(urls), goal=goal if has_goal else "")
    assert_comes_back(dialect, dialect.format_turn(thought, action), action, "call")


@each(DIALECTS)
@EXAMPLES
@given(thought=SAID, answer=SAID)
def test_an_answer(dialect, thought, answer):
    if "\\boxed" in dialect.format_answer("") and not is_balanced(answer):
        return  # no box can hold it
    turn = dialect.format_turn(thought, Action("answer", text=answer))
    assert_comes_back(dialect, turn, Action("answer", text=answer), "answer")
    assert dialect.extract_answer(turn) == answer


@EXAMPLES
@given(thought=SAID, url=SAID)
def test_a_click(thought, url):
    turn = f"{thought}\n{EXPLORER.format_click(url)}"
    assert_comes_back(EXPLORER, turn, Action("click", url=url, urls=(url,)), "call")


@EXAMPLES
@given(thought=SAID, title=LINE, goal=SAID)
def test_a_section(thought, title, goal):
    turn = f"{thought}\n{REPORT.format_write(title, goal)}"
    assert_comes_back(REPORT, turn, Action("write", title=title, goal=goal), "call")


@EXAMPLES
@given(thought=SAID, goal=SAID)
def test_an_edit(thought, goal):
    turn = f"{thought}\n{REPORT.format_edit(goal)}"
    assert_comes_back(REPORT, turn, Action("edit", goal=goal), "call")
