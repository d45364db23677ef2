"""Citations: what names nothing retrieved is taken out, and counted."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from langgraph_deepsearch.nodes.citation_forms import (
    cited_ids,
    cited_in,
    hide_citations,
    plain_citations,
)
from langgraph_deepsearch.nodes.report.article import Article, Section, headings
from langgraph_deepsearch.nodes.report.citations import (
    CitationCheck,
    number_sources,
    source_list,
)
from langgraph_deepsearch.nodes.report.code import outside_code

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
        ("Lima [^1] and [^9].", "Lima [1].", 1),
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
        ("A [Source 1], [Source 99].", "A [1].", 1),
        ("A [Sources 1, 2, and 9] [2 & 3].", "A [1][2][3].", 1),
        ("A [sources 1, 9; ref. 2].", "A [1][2].", 1),
        ("A 【2】【9】 and 【3†L1-L9】.", "A [2] and [3].", 1),
        ("A [ 1 ] [ 9 ].", "A [1].", 1),
        ("A [#1], [#9].", "A [1].", 1),
        ("A [9\n] and [1 \n ].", "A and [1].", 1),
        ("> A [\n> 1\n> ] [9\n> ].", "> A [1].", 1),
        ("A &#91;9&#93; &#x5b;1&#X5D; &lsqb;9&rsqb; &lbrack;2&rbrack;", "A [1] [2]", 2),
        ("> A [1,\n> 9].", "> A [1].", 1),
        ("A [1 9].", "A [1 9].", 0),
        ("A [1, p. 3] [99, p. 3] [2; Section 4].", "A [1] [2].", 1),
        (r"A \[1\], \[9\].", "A [1].", 1),
        ("A [120 pages].", "A [120 pages].", 0),
        ("[Source 1](http://evil.test/x)", "[1]", 0),
        ('A <img src="//evil.test/x.png"> b', "A b", 1),
        ('A <a href="//evil.test">b</a> c', "A b c", 1),
        ("A <IMG src=//evil.test/x", "A src=//evil.test/x", 1),
        ("x <a and y> b", "x <a and y> b", 0),
        ("![m][p] a\n[p]: //evil.test/x.png\n", "![m][p] a\n", 0),
    ],
)  # fmt: skip
def test_a_citation_names_what_was_retrieved(text, clean, removed):
    check = CitationCheck(SOURCES, "The site is http://said.test/a they say.")
    assert (check.clean(text), check.removed) == (clean, removed)


@pytest.mark.parametrize(
    "text",
    [
        "A probability in [0, 1] holds, [0,1]^n too, and [0-5].",
        "Values in [10, 20], in the range [1, 5] and x ∈ [2; 3].",
        "x[3] = 5, a[9] and row_sum[9]; values[9] = 5; names[0] is the first.",
        "x[1][1] = 5",
    ],
)
def test_an_interval_and_an_index_are_no_citations(text):
    check = CitationCheck(SOURCES)
    assert (check.clean(text), check.removed) == (text, 0)
    assert cited_in(text) == set()
    assert number_sources(text) == (text, {})
    assert hide_citations(text) == text


@pytest.mark.parametrize(
    ("text", "clean", "removed"),
    [
        ("As shown in [10, 20].", "As shown in.", 2),
        ("As shown in [20, 10], values in [5, 1].", "As shown in, values in [1].", 3),
        ("The mountain ranges [1, 2].", "The mountain ranges [1][2].", 0),
        ("Lima[9] is.", "Lima is.", 1),
        ("利马[9]是[1]。", "利马是[1]。", 1),
        ("利马[1，9]和[2、9]。【3，9】", "利马[1]和[2]。[3]", 3),
        ("利马[1；2]，[9，第3页]。", "利马[1][2]，[9，第3页]。", 0),
        ("利马[1，\n2]，【来源 9】。", "利马[1][2]，【来源 9】。", 0),
        ("A [2， p. 3], [9： page 3].", "A [2].", 1),
        ("Peru's[9] and_so[1].", "Peru's and_so[1].", 1),
    ],
)
def test_any_other_list_and_any_other_word_has_citations(text, clean, removed):
    check = CitationCheck(SOURCES)
    assert (check.clean(text), check.removed) == (clean, removed)


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("See http://w.test/a_(b).", "See [4]."),
        ("See (http://w.test/a_(b)), or (http://w.test/lima).", "See ([4]), or ([2])."),
        ("http://w.test/lima。下一句", "[2]。下一句"),
        ("(see http://e.test/x_(y)) and", "(see) and"),
        ("[x](<http://w.test/a_(b)>)", "x [4]"),
        ("[x]( http://w.test/a_(b) )", "x [4]"),
    ],
)
def test_an_address_keeps_the_parentheses_it_opened(text, clean):
    sources = [*SOURCES, {"id": "4", "url": "http://w.test/a_(b)"}]
    assert CitationCheck(sources).clean(text) == clean


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("Lima [1], [99].", "Lima [1]."),
        ("Lima [1]; [99], so", "Lima [1], so"),
        ("Lima [99], [1].", "Lima [1]."),
        ("Lima [1] and [99].", "Lima [1]."),
        ("利马[1]，[99]。[99]、[1]、[99]，是", "利马[1]。[1]，是"),
        ("Lima ([ ( [99] ) [99]]).", "Lima."),
        ("Lima ([99]), so", "Lima, so"),
        ("Lima (http://e.test).", "Lima."),
        ("[[9]](http://e.test)", ""),
        ("[[1]](http://e.test)", "[1]"),
        ("[see [9]](http://w.test/lima)", "see [2]"),
        ("[a [b](http://e.test)](http://e.test)", "a b"),
        ("Run `ls`[1]: it lists.", "Run `ls`[1]: it lists."),
    ],
)
def test_what_is_left_around_a_gap_reads_well(text, clean):
    assert CitationCheck(SOURCES).clean(text) == clean


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("[1[9]]", "(1)"),
        ("[1<img src=x>]", "(1)"),
        ("[1, http://e.test 2]", "(1, 2)"),
        ("[1 http://e.test]", "(1)"),
        ("[[ ](http://e.test)1]", "( 1)"),
        ("[Source 1([9])]", "(Source 1)"),
    ],
)
def test_taking_out_makes_no_citation(text, clean):
    assert CitationCheck(SOURCES).clean(text) == clean


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("<input type=image src=//e.test/a.png>", ""),
        ('<base href="//e.test/">A', "A"),
        ('<p style="background:url(//e.test/a.png)">A</p>', "<p>A</p>"),
        ("<td\nBACKGROUND=//e.test/a>A", "<td>A"),
        ("<b/onclick=x>A</b>", "<b>A</b>"),
        ('<p title=">" style="x">A', "<p>A"),
        ("<meta http-equiv=refresh content='0;url=//e.test'>A", "A"),
        ("<form action=//e.test>A<button>B</button></form>", "AB"),
        ("<style>A</style>", "A"),
        ("<body background=//e.test>A", "A"),
        ("<im<img src=x>g src=x>A", "A"),
        ('H<sub title="t">2</sub>O<br/> Vec<u8> a<b and b>c', None),
    ],
)
def test_html_that_loads_is_taken_out_and_no_other(text, clean):
    check = CitationCheck(SOURCES)
    assert check.clean(text) == (text if clean is None else clean)
    assert bool(check.removed) == (clean is not None)


def test_what_is_nested_too_deeply_loses_its_brackets():
    text = CitationCheck(SOURCES).clean(
        "<im" * 200 + "<img src=//e.test>" + "g src=x>" * 200
    )
    assert "<" not in text
    assert CitationCheck(SOURCES).clean(text) == text


def test_what_is_quoted_too_deeply_loses_its_brackets():
    deep = "> " * 60 + "[x]: //e.test\n\n![p][x] &#91;9&#93; www.e.test http://e.test <b>"
    text = CitationCheck(SOURCES).clean(deep)
    assert text.endswith("(x): //e.test\n\n!(p)(x) (9) www e.test http: //e.test &lt;b>")
    again = CitationCheck(SOURCES)
    assert (again.clean(text), again.removed) == (text, 0)


PIECES = st.sampled_from(
    ["[1]", "[9]", "[1,9]", "[2-4]", "[^9]", "![a](http://e.test)", "[a](http://e.test)",
     "http://e.test/x", "[1](", ")", "`", "```", "\n", "[", "]", " ", "a",
     "[0, 1]", "x[3]", "[10, 20]", "in ", " = 5", "[[9]](http://e.test)", "(", ",", ".", "1",
     "9", "0", "-", "and ", "[Source 9]", "【2】", "\\", "http://w.test/lima", "_(b)", "\ue000",
     "<img src=x>", "<im", "g src=x>", '<p style="x">', "<a href=x>", "</a>", "<", ">", '"',
     "[1，9]", "，", "、", "[9、2]", "；", "。", "x<y ", "i<j} = ",
     "[1]: //e.test", "[Peru](http://w.test/peru)", "~~~", "^", "http", "://e.test"]
)  # fmt: skip
TEXTS = st.lists(PIECES, max_size=15).map("".join)


def named_in(text):
    """Return every id that a text names in brackets, code and intervals included."""
    rows = re.findall(r"\[[\d\s,;–^-]*\d[\d\s,;–^-]*\]", plain_citations(text))
    return {one for row in rows for one in cited_ids(row)}


@settings(max_examples=600, deadline=None)
@given(text=TEXTS)
@example(text="[1[9]]")
@example(text="[[ ](http://e.test)1]")
def test_cleaning_twice_is_cleaning_once_and_makes_no_citation(text):
    check = CitationCheck(SOURCES)
    cleaned = check.clean(text)
    again = CitationCheck(SOURCES)
    assert (again.clean(cleaned), again.removed) == (cleaned, 0)
    by_address = {"1", "2"} if "w.test" in text else set()
    named = named_in(text) | by_address
    outside_code(cleaned, lambda part: check_part(part, named) or part)


def check_part(part, named):
    assert cited_in(part) <= {"1", "2", "3"}  # none beyond the sources
    assert cited_in(part) <= named  # none that was not there


@settings(max_examples=300, deadline=None)
@given(text=TEXTS)
def test_whatever_is_written_no_unknown_source_is_cited(text):
    check = CitationCheck(SOURCES)
    numbered, numbers = number_sources(check.clean(text))
    assert set(numbers) <= {"1", "2", "3"}
    assert sorted(numbers.values()) == list(range(1, len(numbers) + 1))
    outside = re.split("[`~]", numbered)[0]
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
            {"number": 4, "title": "Q&A at www.e.test &lt;b", "url": ""},
        ]
    )
    assert listed.splitlines() == [
        "- [1] \\[a\\](http\\://e.test) \\# B",
        "- [2] Peru. <http://w.test/peru>",
        "- [3] `javascript:alert(1)`",
        "- [4] Q&A at www\\.e.test \\&lt;b",
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
    [
        "![" * 30_000,
        "[1" * 30_000,
        "<a " * 30_000,
        "[1, " * 30_000,
        "```\n" * 30_000,
        "[a](b " * 30_000,
        "<p \"<p '" * 30_000,
        "http://e.test" + ")" * 30_000,
        "[" * 30_000,
        "([9" * 30_000,
        "[9], " * 30_000,
        "[" * 9_000 + "a](x)" * 9_000,
        "<im" * 30_000 + "g>" * 30_000,
        "<a " * 30_000 + "=",
        "`a`\n" * 30_000,
        "> " * 30_000,
        "- a\n" * 20_000,
        "[x]: y\n" * 10_000,
        " " * 100_000 + "[1]",
        "[1]" + "\t" * 100_000 + "x",
        "[1]," + " " * 100_000 + "[9]" + " " * 100_000,
        "[ " * 30_000 + "[9]" + " ]" * 30_000,
        "(" * 30_000 + "[9]" + ")" * 30_000,
        "`a` " + "://" * 30_000,
        "`a` " + "x<y " * 30_000,
        "1" * 100_000,
        "i<j = " * 20_000,
        "a<b " + "on" * 50_000,
        "<a " + " " * 100_000 + "=",
    ],
)
def test_a_long_text_takes_no_long_time(text):
    started = time.perf_counter()
    CitationCheck(SOURCES).clean(text)
    assert time.perf_counter() - started < 5


@pytest.mark.parametrize("text", ["# a" + " " * 5_000 + "b", "# " + " #" * 5_000 + "b"])
def test_a_long_heading_takes_no_long_time(text):
    started = time.perf_counter()
    assert [level for _, level in headings(text)] == [1]
    assert time.perf_counter() - started < 1


def test_a_pages_footnotes_in_any_form_are_hidden():
    assert hide_citations("Lima 【3】 and [Source 4]") == "Lima (3) and (4)"
