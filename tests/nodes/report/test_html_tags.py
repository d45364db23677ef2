"""HTML: none that loads, none that swallows what follows it."""

from __future__ import annotations

import pytest

from langgraph_deepsearch.nodes.report.citations import CitationCheck


@pytest.mark.parametrize(
    ("text", "clean", "removed"),
    [
        ("<pre>a\n\nb</pre>", "a\n\nb", 1),
        ("<PRE class=x >a", "a", 1),
        ("<script\na", "\na", 1),
        ("<textarea>a", "a", 1),
        ("<title>a</title> b", "a b", 1),
        ("<!-- a --> b", "a b", 1),
        ("<!-- a\n\nb", "a\n\nb", 1),
        ("<?php a\n\nb", "php a\n\nb", 1),
        ("<![CDATA[a]]> b", "a]]> b", 1),
        ("<!DOCTYPE a> b", "DOCTYPE a> b", 1),
        ("`<pre>` and\n\n```\n<!--\n```", None, 0),
    ],
)
def test_what_runs_over_empty_lines_is_taken_out_and_its_text_stays(text, clean, removed):
    check = CitationCheck(())
    cleaned = check.clean(text)
    assert (cleaned.strip(" "), check.removed) == (
        text if clean is None else clean,
        removed,
    )


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("<p \"> <img src=x> <b \">", '<p "> <b ">'),
        ("<p title=\"a\n- b <img src=x> \">", '<p title="a\n- b ">'),
        ('> <p\n> style=x>A\n>\n> <p\n>A', '> &lt;p\n> style=x>A\n>\n> <p\n>A'),
        ("<div style=x title='\n", "&lt;div style=x title='\n"),
        ("<div <1 style=x>", "&lt;div <1 style=x>"),
        ("<p a=x=y style=z>", "&lt;p a=x=y style=z>"),
        ("<p ping=//e.test>A", "<p>A"),
        ('<p title=">" style=z>', "<p>"),
        ("<p <1 a='b'style = x>", "&lt;p <1 a='b'style = x>"),
        ('<p a <1 b="\n\n<b c=\' " style=x\'>', '&lt;p a <1 b="\n\n<b c=\' " style=x\'>'),
        ("<p <1 on:x=y>", "&lt;p <1 on:x=y>"),
        ("> a<b\n> onclick=x", "> a&lt;b\n> onclick=x"),
        ("if a<b then\n\nc = 1 and d<e", None),
        (r"$\sum_{i<j} w_{ij} = 1$ and $a<b=c$", None),
        (r"$$\sum_{i<n} a_i = 3$$, if i<j and data-x = 1 > 0", None),
        ('<td colspan="2" align=left>A</td>', None),
    ],
)  # fmt: skip
def test_a_tag_that_is_not_written_like_one_is_text(text, clean):
    assert CitationCheck(()).clean(text) == (text if clean is None else clean)
