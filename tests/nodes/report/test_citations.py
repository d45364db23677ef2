"""Citations: what names nothing retrieved is taken out, and counted."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langgraph_deepsearch.nodes.report.article import Article, Section
from langgraph_deepsearch.nodes.report.citations import (
    CitationCheck,
    cited_in,
    hide_citations,
    number_sources,
    source_list,
)

SOURCES = [
    {"id": "1", "url": "http://w.test/peru"},
    {"id": "2", "url": "http://w.test/lima"},
    {"id": "3", "url": ""},
]


CODE = "`x[9]` and\n```\ny[9] http://e.test\n```\n"


@pytest.mark.parametrize(
    ("text", "clean", "removed"),
    [
        ("Lima [1].", "Lima [1].", 0),
        ("Lima [9].", "Lima.", 1),
        ("Lima [0], so [12][1].", "Lima, so [1].", 2),
        ("Lima [1, 2; 9].", "Lima [1][2].", 1),
        ("Lima [1-3].", "Lima [1][2][3].", 0),
        ("Lima [2-9].", "Lima [2][3].", 6),
        ("Lima [^1] and [^9].", "Lima [1] and.", 1),
        ("Lima[1] [1].", "Lima[1].", 0),
        ("In [1999] it was.", "In [1999] it was.", 0),
        ("[1](http://evil.test/x)", "[1]", 0),
        ("[Peru](http://w.test/peru/) is", "Peru [1] is", 0),
        ('[a book](http://evil.test "t") is', "a book is", 1),
        ("[x](javascript:alert(1)) y", "x y", 1),
        ("![a map](http://evil.test/p.png) y", "a map y", 1),
        ("See http://w.test/lima.", "See [2].", 0),
        ("See <https://evil.test/a>.", "See.", 1),
        ("See http://said.test/a.", "See http://said.test/a.", 0),
        ("A [1]\n[1]: http://evil.test\n", "A [1]\n", 0),
        (CODE, CODE, 0),
        ("| a [1] | b [9] |", "| a [1] | b |", 1),
        ("A [Source 1], [Source 99].", "A [1],.", 1),
        ("A [Sources 1, 2, and 9] [2 & 3].", "A [1][2][3].", 1),
        ("A [sources 1, 9; ref. 2].", "A [1][2].", 1),
        ("A 【2】【9】 and 【3†L1-L9】.", "A [2] and [3].", 1),
        ("A [ 1 ] [ 9 ].", "A [1].", 1),
        ("A [1, p. 3] [99, p. 3] [2; Section 4].", "A [1] [2].", 1),
        (r"A \[1\], \[9\].", "A [1],.", 1),
        ("A [120 pages].", "A [120 pages].", 0),
        ("[Source 1](http://evil.test/x)", "[1]", 0),
        ('A <img src="//evil.test/x.png"> b', "A  b", 1),
        ('A <a href="//evil.test">b</a> c', "A b c", 1),
        ("A <IMG src=//evil.test/x", "A  src=//evil.test/x", 1),
        ("x <a and y> b", "x <a and y> b", 0),
        ("![m][p] a\n[p]: //evil.test/x.png\n", "![m][p] a\n", 0),
    ],
)  # fmt: skip
def test_a_citation_names_what_was_retrieved(text, clean, removed):
    check = CitationCheck(SOURCES, "The site is http://said.test/a they say.")
    assert (check.clean(text), check.removed) == (clean, removed)


PIECES = st.sampled_from(
    ["[1]", "[9]", "[1,9]", "[2-4]", "[^9]", "![a](http://e.test)", "[a](http://e.test)",
     "http://e.test/x", "[1](", ")", "`", "```", "\n", "[", "]", " ", "a"]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(text=st.lists(PIECES, max_size=15).map("".join))
def test_whatever_is_written_no_unknown_source_is_cited(text):
    check = CitationCheck(SOURCES)
    numbered, numbers = number_sources(check.clean(text))
    assert set(numbers) <= {"1", "2", "3"}
    assert sorted(numbers.values()) == list(range(1, len(numbers) + 1))
    outside = numbered.split("`")[0]
    assert {int(i) for i in cited_in(outside)} <= set(numbers.values())


def test_numbers_run_in_order_of_first_use():
    text, numbers = number_sources("A [3]. B [1][3]. `z[2]`")
    assert (text, numbers) == ("A [1]. B [2][1]. `z[2]`", {"3": 1, "1": 2})


def test_the_list_holds_titles_and_addresses_and_no_markup_of_theirs():
    listed = source_list(
        [
            {"number": 2, "title": "Peru", "url": "http://w.test/peru"},
            {"number": 0, "title": "Not cited", "url": "http://w.test/no"},
            {"number": 1, "title": "[a](http://e.test)\n# B", "url": ""},
            {"number": 3, "title": "", "url": "javascript:alert(1)"},
        ]
    )
    assert listed.splitlines() == [
        "- [1] \\[a\\](http://e.test) \\# B",
        "- [2] Peru. <http://w.test/peru>",
        "- [3] `javascript:alert(1)`",
    ]


def test_a_pages_own_footnotes_are_no_citations():
    assert hide_citations("Lima [3] and [^4] and [1,2]") == "Lima (3) and (^4) and (1,2)"


def test_code_is_what_a_fence_at_the_start_of_a_line_opens():
    check = CitationCheck(SOURCES)
    text = "A ``` b [9]\n  ~~~~ x\ny [9]\n~~~\nz [9]\n~~~~\nEnd [9] and [1]."
    assert check.clean(text) == ("A ``` b\n  ~~~~ x\ny [9]\n~~~\nz [9]\n~~~~\nEnd and [1].")
    assert check.removed == 2


def test_an_open_fence_in_one_section_leaves_the_later_ones_text():
    one, two = Section("One", "A [1].\n\n```python\nx[9]"), Section("Two", "B [9] [2].")
    article = Article("T", (one, two))
    assert article.outline == "# T\n## One\n## Two\n"
    text, numbers = number_sources(CitationCheck(SOURCES).clean(article.markdown))
    assert numbers == {"1": 1, "2": 2}
    assert text.endswith("```python\nx[9]\n```\n\n## Two\n\nB [2].")


@pytest.mark.parametrize(
    "text",
    ["![" * 30_000, "[1" * 30_000, "<a " * 30_000, "[1, " * 30_000, "```\n" * 30_000],
)
def test_a_long_text_takes_no_long_time(text):
    started = time.perf_counter()
    CitationCheck(SOURCES).clean(text)
    assert time.perf_counter() - started < 5


def test_a_pages_footnotes_in_any_form_are_hidden():
    assert hide_citations("Lima 【3】 and [Source 4]") == "Lima (3) and (4)"
