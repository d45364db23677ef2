"""A title cites nothing, wherever it comes from."""

from __future__ import annotations

import pytest

from langgraph_deepsearch.nodes.dialects import get_dialect
from langgraph_deepsearch.nodes.report.title import Title, checked_title, title_from


@pytest.mark.parametrize(
    ("said", "title"),
    [
        ("Peru [7]", Title("Peru", 1)),
        ("[Peru](http://w.test/peru) [1, 2]", Title("Peru", 3)),
        ("``` ![p](//evil.test)", Title("``` p", 1)),
        ("`x[1]` in Peru", Title("`x[1]` in Peru", 0)),
        ("[9]", Title("", 1)),
        ("Peru\n\nand Lima", Title("Peru and Lima", 0)),
    ],
)
def test_a_title_is_checked_as_the_heading_that_it_becomes(said, title):
    assert checked_title(said) == title


def test_a_question_keeps_its_addresses_and_no_picture():
    asked = "# What is [3] on www.w.test? ![p](//evil.test)"
    title = title_from(asked, get_dialect("web_thinker_report"))
    assert title == "What is (3) on www.w.test? p"
