"""A cleaned text as a browser shows it: nothing loads, links or cites beyond the sources."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st
from rendered import Rendered, render

from langgraph_deepsearch.nodes.citation_forms import cited_in, plain_citations
from langgraph_deepsearch.nodes.report.article import Article, Section
from langgraph_deepsearch.nodes.report.citations import CitationCheck, number_sources
from langgraph_deepsearch.nodes.report.html_tags import LOADING_TAGS, SWALLOWING_TAGS

SOURCES = [
    {"id": "1", "url": "http://w.test/peru"},
    {"id": "2", "url": "http://w.test/lima"},
    {"id": "3", "url": ""},
]
KINDS = (
    ["`", "``", "```", "````", "~~~", "\\", "\\`", "`]`", "$"],
    ["\n", "\n\n", "\r", " ", "    ", "\n    ", "\n  ", "\t"],
    ["> ", "\n> ", "- ", "\n- ", "1. ", "# ", "\n# ", "---", "===", "\n---\n"],
    ["| ", "| a | b |\n", "|---|---|\n", "a", "word", "*", "!", "="],
    ["[1]", "[99]", "[#99]", "[99\n]", "[1,\n> 99]", "&#91;99&#93;", "[Source 99]", "【99】"],
    ["![p](//e.test/p.png)", "![p](http://e.test/p.png)", "[l](//e.test)", "[1](//e.test)"],
    ["](", "](//e.test)", "](<//e.test>)", "![", "[", "]", "(", ")", "[a\\]", "[[[a]]](b)"],
    ["![p][x]", "[x]", "[x]: //e.test/p.png", "[x]:", "\n//e.test", "[x]: javascript:a"],
    ["<img src=//e.test>", "<b onclick=x>", '<p title="', 'style="x">', "<a href=x>", "<a"],
    ["<pre>", "</pre>", "<!--", "-->", "<?", "<!X", "<![CDATA[", "<div>", "<p\n> ", "</p>"],
    ["<", ">", "<x", "<script>", "<style>", "<textarea>", "<code>", "</code>", "'", '"'],
    ["i<j", "x<y ", "x <p ", " = 1", " = ", "=x ", "style = x", " src=", '="', "='", "[99，1]"],
    ["<ftp://e.test/x>", "<javascript:a>", "<data:a,b>", "<a@b.c>", "www.e.test/x"],
    ["ftp://e.test", "http://w.test/lima", "https://w.test/peru", "http://e.test/a"],
)  # fmt: skip
"""What hostile texts are made of, by kind."""
PIECES = [piece for kind in KINDS for piece in kind]
# A few kinds of piece, often repeated, make more structure than all of them once.
TEXTS = st.lists(st.sampled_from(PIECES), min_size=1, max_size=8).flatmap(
    lambda some: st.lists(st.sampled_from(some), max_size=18).map("".join)
)


@settings(max_examples=600, deadline=None)
@given(text=TEXTS)
@example(text="A.\n    ```\nLima [99] ![p](http://e.test/p.png)")
@example(text="A \\`![p](http://e.test/p.png) [99]\\` x")
@example(text="[a](b`c) ![p](//e.test/p.png) `")
@example(text='<p title="a\n- "<img src=//e.test>')
@example(text="> [x]: //e.test/p.png\n\n![p][x]")
def test_nothing_loads_or_cites_beyond_the_sources(text):
    cleaned = CitationCheck(SOURCES).clean(text)
    shown = Rendered(cleaned)
    assert not shown.tags & (LOADING_TAGS | SWALLOWING_TAGS)
    assert set(shown.addresses) <= {"mailto:a@b.c"}
    assert cited_in(plain_citations(shown.words)) <= {"1", "2", "3"}
    again = CitationCheck(SOURCES)
    assert (again.clean(cleaned), again.removed) == (cleaned, 0)


@settings(max_examples=300, deadline=None)
@given(text=TEXTS)
@example(text="A.\n    ```\nb")
@example(text="```\n<pre>")
@example(text="> - <!--\n> ")
def test_every_citation_is_numbered_and_the_next_section_is_one(text):
    section = Section("A", CitationCheck(SOURCES).clean(text))
    article = Article("T", (section, Section("B", "word [1]")))
    numbered, numbers = number_sources(article.markdown)
    shown = cited_in(plain_citations(Rendered(numbered).words))
    assert shown <= set(map(str, numbers.values()))
    assert render(numbered).endswith(f"<h2>B</h2>\n<p>word [{numbers['1']}]</p>\n")


def test_the_check_of_this_file_sees_what_it_is_to_see():
    live = Rendered("`![p](//e.test) [7]` ![p](//e.test) [8] <b onclick=x>")
    assert live.tags == {"p", "img", "b"}
    assert live.addresses == ["//e.test", "x"]
    assert cited_in(live.words) == {"8"}
