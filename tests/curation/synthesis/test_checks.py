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
    reason = check_hop_needed("Which harp is it?", "silver harp", earlier, ["Kerrin Oak"])
    assert reason == "answer without the hop"
    first_and_between = ["A page of nothing.", *earlier]
    assert check_hop_needed("Which harp?", "Silver Harp", first_and_between, []) == reason


def test_clues():
    page = "Heat is a crime film of 1995 by Michael Mann."
    answers = ["Al Pacino", "Pacino"]
    assert check_clue("the crime film of 1995", "Heat", answers, page) is None
    assert check_clue("the film by Al Pacino of 1995", "Heat", answers, page)
    assert check_clue("the film by Pacino of 1995", "Heat", answers, page)
    assert share_in("the of", page) == 0.0


def test_all_names_and_numbers_of_a_clue_stand_on_its_page():
    page = (
        "Heat is a crime film of 1995 by Michael Mann, shot in the streets of a large city."
    )
    clue = "the crime film of {} by {} in the streets of a city"
    assert check_clue(clue.format(1995, "Mann"), "Heat", [], page) is None
    for year, maker in ((1987, "Mann"), (1995, "Kerrin Oak"), (1987, "Orson Welles")):
        reason = check_clue(clue.format(year, maker), "Heat", [], page)
        assert reason == "clue not in the source"
    other_words = "the famous crime film of 1995 by Mann, shot in a large city"
    assert check_clue(other_words, "Heat", [], page) is None
