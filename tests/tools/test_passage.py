import doctest
import time

from hypothesis import given
from hypothesis import strategies as st

from langgraph_deepsearch.tools import passage, stemming
from langgraph_deepsearch.tools.passage import best_sentence, evidence_window
from langgraph_deepsearch.tools.snippet import snippet_window

FILLER = "Nothing of note happened in this place on that day. "


def test_doctests_hold() -> None:
    for module in (passage, stemming):
        result = doctest.testmod(module)
        assert result.attempted > 0
        assert result.failed == 0


def test_window_is_around_the_sentence_most_like_the_snippet() -> None:
    text = FILLER * 200 + "Ada Lovelace was born in London in 1815. " + FILLER * 200
    window = evidence_window(text, "Ada Lovelace, born 1815 in London", 100)
    assert "Ada Lovelace was born in London in 1815." in window
    assert 150 < len(window) < 250


def test_start_of_the_page_when_nothing_agrees() -> None:
    text = "alpha beta " * 1000
    window = evidence_window(text, "zyzzyva", 50)
    assert text.startswith(window)
    assert 90 <= len(window) <= 100


def test_agreement_must_exceed_the_threshold() -> None:
    # 1 of 4 and 1 of 6 words: F1 = 2 / 10, exactly the threshold.
    assert best_sentence("ada b c d e f", "ada w x y") is None
    assert best_sentence("ada b c d e", "ada w x y") is not None


def test_decimals_and_initials_inside_a_word_do_not_split() -> None:
    span = best_sentence("It rose by 3.5 points today. Bye.", "rose by 3.5 points today")
    assert span == (0, 28)


def test_hundred_thousand_characters_take_little_time() -> None:
    for text in (
        FILLER * 2000,
        "x" * 100_000,
        ".!? " * 25_000,
        "a." * 50_000,
        "." * 100_000 + "x",
        "?!" * 50_000 + "x",
        "x" + " " * 100_000 + "x",
        "。" * 100_000,
    ):
        started = time.perf_counter()
        evidence_window(text, FILLER, 3000)
        assert time.perf_counter() - started < 1


@given(st.text(max_size=400), st.text(max_size=60), st.integers(0, 80))
def test_window_is_always_a_part_of_the_text(text: str, wanted: str, chars: int) -> None:
    window = evidence_window(text, wanted, chars)
    assert window in text
    span = best_sentence(text, wanted)
    size = 2 * chars if span is None else span[1] - span[0] + 2 * chars
    assert len(window) <= size


@given(st.text(max_size=600), st.text(max_size=30))
def test_snippet_is_short_and_from_the_text(text: str, query: str) -> None:
    shown = snippet_window(text, query, 80)
    assert len(shown) <= 84
    assert shown.removeprefix("… ").removesuffix(" …") in text


def test_snippet_shows_the_place_with_most_terms() -> None:
    text = (
        f"Wine is old. {FILLER * 9} The oldest wine cellar in Georgia is deep. {FILLER * 9}"
    )
    assert "oldest wine cellar" in snippet_window(text, "oldest cellar wine Georgia", 100)
