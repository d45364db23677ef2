"""Links, addresses and definitions: of pages that were retrieved, or none."""

from __future__ import annotations

import pytest

from langgraph_deepsearch.nodes.report.citations import CitationCheck

SOURCES = [
    {"id": "1", "url": "http://w.test/peru"},
    {"id": "2", "url": "https://www.known.test/page"},
]
SAID = "See http://said.test/a, www.said.test and javascript:alert(1)."


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("> [x]: //evil.test/p.png\n\n![p][x]", "\n![p][x]"),
        ("- [x]: //evil.test/p.png\n\n![p][x]", "\n![p][x]"),
        ("> 1. [x]: /p.png\n\n[p][x]", "\n[p][x]"),
        ("[x]:\n//evil.test/p.png\n'a\ntitle'\n\n![p][x]", "\n![p][x]"),
        ("[x]: javascript:alert(1)\n\n[p][x]", "\n[p][x]"),
        ("[x]: a\n[x]: b\n\n[x]", "\n[x]"),
        ("a\n- [x]: //evil.test", "a"),
        ("a\n[1]: http://evil.test\n[^2]: b", "a"),
        ("```\n[x]: //evil.test\n```", "```\n[x]: //evil.test\n```"),
        ("[Note]: this is a sentence.", "[Note]: this is a sentence."),
    ],
)
def test_a_name_stands_for_no_address(text, clean):
    assert CitationCheck(SOURCES).clean(text) == clean


@pytest.mark.parametrize(
    ("text", "clean", "removed"),
    [
        ("A <ftp://evil.test/x>.", "A.", 1),
        ("A <javascript:alert(1)>.", "A.", 1),
        ("A <data:text/html,x> b", "A b", 1),
        ("A <https:evil.test> b", "A b", 1),
        ("A <http://evil.test/a'b> b", "A b", 1),
        ("A www.evil.test/x, b", "A, b", 1),
        ("*www.evil.test* _www.evil.test_", "** __", 2),
        ("A ftp://evil.test/x b", "A b", 1),
        ("见http://evil.test/x。", "见。", 1),
        ("A <a@b.c> b", "A <a@b.c> b", 0),
        ("A www.known.test/page.", "A [2].", 0),
        ("A <http://www.known.test/page/>.", "A [2].", 0),
        ("[a](www.known.test/page) [b](//w.test/peru)", "a [2] b [1]", 0),
        ("http://said.test/a <http://said.test/a>", None, 0),
        ("www.said.test", None, 0),
        ("A www. b", None, 0),
    ],
)
def test_an_address_in_any_form_is_of_a_known_page(text, clean, removed):
    check = CitationCheck(SOURCES, SAID)
    assert (check.clean(text), check.removed) == (text if clean is None else clean, removed)


@pytest.mark.parametrize(
    "url", ["http://w.test/a", "https://w.test/a", "www.known.test/page"]
)
def test_http_and_https_of_a_page_are_one_source(url):
    sources = [
        {"id": "1", "url": "https://w.test/a/"},
        {"id": "2", "url": "http://www.known.test/page"},
        {"id": "3", "url": "http://w.test/a"},
    ]
    number = "2" if "known" in url else "1"
    assert CitationCheck(sources).clean(f"See {url}.") == f"See [{number}]."


def test_a_script_stays_out_even_if_a_page_names_it():
    assert CitationCheck(SOURCES, SAID).clean("A <javascript:alert(1)> b") == "A b"


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("[[[a]]](//evil.test)", "[[[a]]] (//evil.test)"),
        (r"[a\]](//evil.test)", r"[a\]] (//evil.test)"),
        ("![[[a]]](//evil.test/p.png)", "![[[a]]] (//evil.test/p.png)"),
    ],
)
def test_a_link_that_no_pattern_reads_becomes_none(text, clean):
    check = CitationCheck(SOURCES)
    assert (check.clean(text), check.removed) == (clean, 1)
