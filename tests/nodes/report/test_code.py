"""What is code in a report: what certainly is, and nothing else."""

from __future__ import annotations

import pytest

from langgraph_deepsearch.nodes.report.article import (
    Article,
    Section,
    split_sections,
    without_source_list,
)
from langgraph_deepsearch.nodes.report.citations import CitationCheck, number_sources
from langgraph_deepsearch.nodes.report.code import close_fence, outside_code
from langgraph_deepsearch.nodes.report.finish import Report

SOURCES = [{"id": "1", "url": "http://w.test/peru", "title": "Peru"}]
PICTURE = "![p](http://evil.test/p.png)"


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        (f"A.\n    ```\nLima [99] {PICTURE}", "A.\n    ```\nLima p"),
        (f"A \\`{PICTURE} [99]\\` x", "A \\`p\\` x"),
        (f"A `b\n{PICTURE} [99]` x", "A `b\np` x"),
        (f"[a](b`c) {PICTURE} `", "a p `"),
        (f"<a title='`'>{PICTURE} `", "<a title='`'>p `"),
        (f"| a | b |\n|---|---|\n| `a | {PICTURE}` |", "| a | b |\n|---|---|\n| `a | p` |"),
        (f"    `{PICTURE}`", "    `p`"),
        (f"<div>\n`{PICTURE}`", "<div>\n`p`"),
        (f"http://said.test/a`b {PICTURE} `", "http://said.test/a`b p `"),
        (f"`a` ``b `{PICTURE}`", "`a` ``b `p`"),
        (f"- ```\n{PICTURE}\n```\nx[9]", "- ```\np\n```\nx[9]"),
        (f"> ```\n{PICTURE}", "> ```\np"),
        ("[a `b` c](//evil.test)", "a `b` c"),
        ("![`a`](//evil.test/p.png)", "`a`"),
        (f"x<y a='`'>{PICTURE} `", "x<y a='`'>p `"),
        (f"x<y a='` {PICTURE}'> `", "x<y a='` p'> `"),
        ("- <x `b[99]`", "- <x `b`"),
    ],
)
def test_what_may_be_text_is_checked(text, clean):
    check = CitationCheck(SOURCES, "http://said.test/a")
    assert check.clean(text) == clean
    assert check.removed


@pytest.mark.parametrize(
    "text",
    [
        f"# A `{PICTURE}`\n\nB ``[9] ` [8]`` and `[9]` [1].",
        f"> - `{PICTURE}`\n>   ~~~\n>   {PICTURE}\n>   ~~~",
        f"- a\n\n  ```python\n  x[9] {PICTURE}\n\n- b",
        "If a < b, `x [9]`.",
        "x<y `b[99]` [1]",
        "> - If x > 0 and x<y then `b[99]` [1]",
    ],
)
def test_what_is_code_for_every_reader_stays(text):
    check = CitationCheck(SOURCES)
    assert (check.clean(text), check.removed) == (text, 0)


def test_a_fence_within_preformatted_html_stays_code():
    clean = CitationCheck(SOURCES).clean("<pre>\n```\nx [9]\n```\n</pre>\n\ny [9]")
    assert clean == "\n```\nx [9]\n```\n\n\ny"


def test_what_only_looks_like_code_is_numbered():
    text, numbers = number_sources("A.\n    ```\nLima [7].\n\n\\`[8]\\` \n\n`[7]`")
    assert text == "A.\n    ```\nLima [1].\n\n\\`[2]\\` \n\n`[7]`"
    assert numbers == {"7": 1, "8": 2}


@pytest.mark.parametrize(
    "text",
    [
        "A.\n    ```\nb",
        "> - <!--\n> ",
        "- ```\n  a",
        "> ```\n> a",
        "```\na\n```",
        "A ```",
        "",
        "```a`\nb",
    ],
)
def test_no_fence_is_closed_that_is_not_open(text):
    assert close_fence(text) == text


@pytest.mark.parametrize(
    ("text", "fence"), [("A\n  ~~~~~\nb\n~~~", "~~~~~"), ("- ```\na\n```", "```")]
)
def test_an_open_fence_is_closed_by_its_own_mark(text, fence):
    assert close_fence(text) == f"{text}\n{fence}"


@pytest.mark.parametrize(
    "text", ["A [1].\n    ```\nb", "A [1].\n\n```\nb", "A [1].\n\n<pre>\nb"]
)
def test_nothing_takes_in_the_list_of_sources(text):
    report = Report(Article("T", (Section("A", text),)), SOURCES, "")
    assert report.text.endswith("\n\n## Sources\n\n- [1] Peru. <http://w.test/peru>\n")
    body, _, listed = report.text.partition("## Sources")
    seen = []
    outside_code(report.text, lambda part: seen.append(part) or part)
    assert listed in seen[-1]
    assert "[1]" in body


def test_headings_follow_the_same_rule():
    text = "a\n    ```\n\n## A\n\n- ```\n  ## no\n\n## B\n\nb\n```\n## no\n```"
    assert [section.name for section in split_sections(text)] == ["", "A", "B"]
    assert without_source_list("- ```\n  ## Sources\n  ```\n\nb") == (
        "- ```\n  ## Sources\n  ```\n\nb"
    )


def test_characters_that_stand_for_code_can_be_in_no_text():
    text = "a\U000f0000 `[9]`\U000f0001 [1]"
    assert CitationCheck(SOURCES).clean(text) == "a `[9]` [1]"
    assert CitationCheck(SOURCES).clean("`\U000f0000`") == "`\U000f0000`"


def test_other_ends_of_lines_are_ends_of_lines():
    text = f"```\r{PICTURE}\r\n```\r\rb {PICTURE}"
    assert CitationCheck(SOURCES).clean(text) == f"```\n{PICTURE}\n```\n\nb p"
