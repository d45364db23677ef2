import doctest
import json
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_deepsearch.evals import metrics
from langgraph_deepsearch.evals.metrics import Score, normalize, score

R1_SEARCHER = (
    Path(__file__).parents[3] / "shared/data/traces_r1searcher/hotpotqa_qwen.jsonl"
)
ANSWERS = st.text(
    alphabet=string.ascii_letters + " .,'-0123456789北京市東東ไทย", max_size=30
)
NORMALIZATIONS = st.sampled_from(["squad", "punctuation_to_space"])


def test_doctests_hold():
    assert doctest.testmod(metrics).failed == 0


@given(ANSWERS, st.lists(ANSWERS, max_size=4), NORMALIZATIONS)
def test_measures_lie_between_0_and_1_and_imply_each_other(prediction, golds, how):
    result = score(prediction, golds, how)
    assert 0 <= result.em <= result.f1 <= 1
    assert result.em <= result.acc


@given(ANSWERS, ANSWERS, NORMALIZATIONS)
def test_f1_and_em_are_symmetric(left, right, how):
    forth, back = score(left, [right], how), score(right, [left], how)
    assert (forth.em, forth.f1) == (back.em, back.f1)


@given(ANSWERS.filter(str.strip), st.lists(ANSWERS, max_size=3))
def test_a_gold_answer_scores_full_whatever_else_is_accepted(gold, others):
    assert score(gold, [*others, gold]) == Score(1, 1, 1)


@given(ANSWERS, st.lists(ANSWERS, min_size=1, max_size=4))
def test_score_is_the_best_over_golds(prediction, golds):
    single = [score(prediction, [gold]) for gold in golds]
    assert score(prediction, golds) == Score(
        max(s.em for s in single), max(s.f1 for s in single), max(s.acc for s in single)
    )


@given(ANSWERS, NORMALIZATIONS)
def test_normalising_twice_changes_nothing_for_ordinary_answers(text, how):
    once = normalize(text, how)
    if len(once.split()) > 1:
        assert set(normalize(once, how).split()) <= set(once.split())


@pytest.mark.parametrize("prediction", [None, "", "   "])
def test_no_answer_scores_zero(prediction):
    assert score(prediction, ["Paris", ""]) == Score()


def test_no_gold_scores_zero():
    assert score("Paris", []) == Score()
    assert score("Paris", ["", " "]) == Score()


def test_a_plain_string_is_one_gold_not_its_characters():
    assert score("Paris", "Paris") == Score(1, 1, 1)
    assert score("P", "Paris") == Score()


@pytest.mark.parametrize(
    ("prediction", "gold", "expected"),
    [
        ("北京", "北京市", Score(0, 0.8, 0)),
        ("答案是北京市。", "北京市", Score(0, 2 * 3 / 9, 1)),
        ("北京。", "北京", Score(1, 1, 1)),
        ("東京 Tower", "東京 tower", Score(1, 1, 1)),
    ],
)
def test_unspaced_scripts_are_compared_by_character(prediction, gold, expected):
    assert score(prediction, gold) == expected


def test_answers_that_normalise_to_nothing_are_still_told_apart():
    assert score("A", "A").em == 1
    assert score("The", "A").em == 0
    assert score("+", "-") == Score()
    assert score("Lyon", "The").acc == 0


def test_punctuation_to_space_splits_what_squad_joins():
    assert score("Jean Luc", "Jean-Luc").em == 0
    assert score("Jean Luc", "Jean-Luc", "punctuation_to_space").em == 1


@pytest.mark.parametrize(
    ("how", "em", "f1"), [("squad", 0.576, 0.713), ("punctuation_to_space", 0.580, 0.719)]
)
def test_figures_of_r1_searchers_own_rollouts(how, em, f1):
    if not R1_SEARCHER.is_file():
        pytest.skip("R1-Searcher's rollouts are not beside this checkout")
    rows = [json.loads(line) for line in R1_SEARCHER.read_text().splitlines()]
    scores = [score(row["pred_ans"], row["answer"], how) for row in rows]
    assert len(scores) == 500
    assert round(sum(s.em for s in scores) / 500, 3) == em
    assert round(sum(s.f1 for s in scores) / 500, 3) == f1
