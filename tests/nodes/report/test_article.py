"""From drafts to an article."""

from __future__ import annotations

import pytest

from langgraph_deepsearch.nodes.report.article import (
    Article,
    Section,
    article_draft,
    article_of,
    read_article,
    read_section,
    section_draft,
    section_name,
    split_sections,
    title_draft,
    unfence,
    without_source_list,
)

COAST = Section("Coast", "It is dry [1].\n\n### Rain\n\nLittle.")
HILLS = Section("Hills", "They are high.")


def test_drafts_make_an_article_in_the_order_they_were_written():
    drafts = [section_draft(COAST), title_draft("Peru"), section_draft(HILLS)]
    article = article_of(drafts)
    assert article.markdown == (
        "# Peru\n\n## Coast\n\nIt is dry [1].\n\n### Rain\n\nLittle.\n\n## Hills\n\n"
        "They are high."
    )
    assert article.outline == "# Peru\n## Coast\n### Rain\n## Hills\n"


def test_a_section_written_again_takes_the_place_of_the_first():
    again = Section("coast", "It is very dry.")
    drafts = [section_draft(one) for one in (COAST, HILLS, again)]
    assert [s.text for s in article_of(drafts).sections] == ["It is very dry.", HILLS.text]


def test_an_edited_article_takes_the_place_of_all_before():
    edited = Article("Peru", (HILLS,))
    drafts = [section_draft(COAST), article_draft(edited), section_draft(COAST)]
    assert article_of(drafts) == Article("Peru", (HILLS, COAST))


def test_an_article_is_read_back_as_it_was_written():
    article = Article("Peru", (Section("", "Before."), COAST, HILLS))
    assert read_article(article.markdown) == article
    assert read_article("## Hills\n\nThey are high.", "Peru") == Article("Peru", (HILLS,))


def test_headings_in_code_are_none():
    text = "## A\n\n```\n## not one\n```\n\n## B\n\nb"
    assert [s.name for s in split_sections(text)] == ["A", "B"]


@pytest.mark.parametrize(
    "said",
    ["## Coast\n\nDry.", "### Section 2: Coast\nDry.", "# **Coast**\n\nDry.", "Dry."],
)
def test_a_writers_own_heading_is_dropped(said):
    assert read_section("Coast", said) == Section("Coast", "Dry.")


def test_headings_inside_a_section_are_lowered():
    assert read_section("Coast", "a\n\n# B\n\n## C\n\n#### D").text == (
        "a\n\n### B\n\n### C\n\n#### D"
    )


@pytest.mark.parametrize("heading", ["## References", "### Sources:", "# **Bibliography**"])
def test_a_writers_own_list_of_sources_is_dropped(heading):
    assert without_source_list(f"a\n{heading}\n[1] b") == "a"


@pytest.mark.parametrize(
    ("text", "name"),
    [("Section Name: Coast", "Coast"), ("2. Coast", "Coast"), ("## 1.2: A\nB", "A B")],
)
def test_section_names(text, name):
    assert section_name(text) == name


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        (
            "Here:\n```markdown\n# T\n```python\nx\n```\nend\n```",
            "# T\n```python\nx\n```\nend",
        ),
        ("```\n# T\n```", "# T"),
        ("# T\n```\nx\n```", "# T\n```\nx\n```"),
        ("```markdown\n# T", "# T"),
    ],
)
def test_a_reply_comes_out_of_its_fence(reply, text):
    assert unfence(reply) == text
