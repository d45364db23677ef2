from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from langgraph_deepsearch.curation.synthesis.checks import (
    check_clue,
    check_hop_needed,
    check_pair,
    mentions,
    share_in,
)


@settings(deadline=None)
@given(st.lists(st.text("abé'. ", max_size=6)), st.text("abé'. ", max_size=6))
def test_a_text_mentions_each_of_its_parts(parts, phrase):
    text = " | ".join([*parts, phrase])
    assert mentions(text, phrase) == any(sign.isalnum() for sign in phrase)


def test_whole_words_alone_count():
    assert not mentions("Kuwait is awaiting", "wait")
    assert mentions("He was born on 3 May, 1940.", "3 May 1940")


def test_pairs():
    assert check_pair("Who was first?", "Ada") is None
    assert check_pair("Was it Ada who was first?", "ada") == "answer in the question"
    assert check_pair("What is it?", "Ada") == "no question"


def test_hops():
    earlier = ["The Silver Harp is by Kerrin Oak."]
    assert check_hop_needed("Who made it?", "Tamsin", earlier, ["Kerrin Oak"]) is None
    reason = check_hop_needed("Who is Kerrin Oak?", "Tamsin", earlier, ["Kerrin Oak"])
    assert reason == "names what must be found"


def test_clues():
    page = "Heat is a crime film of 1995 by Michael Mann."
    answers = ["Al Pacino", "Pacino"]
    assert check_clue("the crime film of 1995", "Heat", answers, page) is None
    assert check_clue("the film by Al Pacino of 1995", "Heat", answers, page)
    assert check_clue("the film by Pacino of 1995", "Heat", answers, page)
    assert share_in("the of", page) == 0.0
