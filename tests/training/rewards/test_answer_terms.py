from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_deepsearch.training.rewards import RewardError
from langgraph_deepsearch.training.rewards.cover_em import (
    cover_em,
    cover_em_unordered,
    token_recall,
)
from langgraph_deepsearch.training.rewards.exact_match import exact_match
from langgraph_deepsearch.training.rewards.judge_verdict import judge_verdict
from langgraph_deepsearch.training.rewards.short_answer import short_cover_em
from langgraph_deepsearch.training.rewards.token_f1 import token_f1, token_f1_spaced
from langgraph_deepsearch.training.rewards.word_set_f1 import word_set_f1

TERMS = (
    exact_match,
    token_f1,
    token_f1_spaced,
    word_set_f1,
    cover_em,
    cover_em_unordered,
    token_recall,
    short_cover_em,
)
TEXT = st.text(alphabet="abc AB.-'", max_size=20)


@given(answer=st.none() | TEXT, golds=st.lists(TEXT, max_size=3))
def test_every_term_is_between_0_and_1_and_needs_an_answer(make_run, answer, golds):
    run = make_run(answer=answer, golds=golds)
    for term in TERMS:
        assert 0.0 <= term(run) <= 1.0, term.__name__
        if not (answer or "").strip() or not golds:
            assert term(run) == 0.0, term.__name__


@given(gold=st.text(alphabet="bcdefgh ", min_size=1).filter(str.strip))
def test_the_gold_answer_itself_is_worth_1(make_run, gold):
    for term in TERMS:
        if term is short_cover_em and len(gold.split()) > 10:
            continue
        assert term(make_run(answer=gold, golds=["other", gold])) == 1.0, term.__name__


@given(answer=TEXT, golds=st.lists(TEXT, min_size=1, max_size=3), more=TEXT)
def test_another_gold_answer_never_lowers_a_term(make_run, answer, golds, more):
    for term in TERMS:
        before = term(make_run(answer=answer, golds=golds))
        assert term(make_run(answer=answer, golds=[*golds, more])) >= before


@pytest.mark.parametrize(
    ("term", "answer", "gold", "expected"),
    [
        (token_f1, "in Paris, France", "Paris", 0.5),
        (word_set_f1, "the the cat", "the cat", 1.0),  # sets, and articles count
        (token_f1, "cat cat dog", "cat dog", 0.8),  # a multiset
        (word_set_f1, "cat cat dog", "cat dog", 1.0),
        (token_f1, "U.S.", "US", 1.0),  # punctuation removed
        (token_f1_spaced, "U.S.", "US", 0.0),  # punctuation as space
        (cover_em, "it is New York", "New York", 1.0),
        (cover_em, "York, New", "New York", 0.0),
        (cover_em_unordered, "York, New", "New York", 1.0),
        (token_recall, "New", "New York", 0.5),
        (short_cover_em, "Paris", "Paris", 1.0),
        (short_cover_em, "a b c d e f g h i j Paris", "Paris", 0.0),
    ],
)
def test_terms_differ_where_the_systems_do(make_run, term, answer, gold, expected):
    assert term(make_run(answer=answer, golds=[gold])) == pytest.approx(expected)


def test_a_missing_verdict_is_an_error_and_no_zero(make_run):
    assert judge_verdict(make_run(outcome={"judge": 1.0})) == 1.0
    with pytest.raises(RewardError, match="no judge's verdict"):
        judge_verdict(make_run())
