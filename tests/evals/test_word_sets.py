"""Measures over distinct words, on their own and in an evaluation's figures."""

import doctest

import pytest

from langgraph_deepsearch.evals import word_sets
from langgraph_deepsearch.evals.evaluation import summarize_traces
from langgraph_deepsearch.evals.word_sets import token_recall, word_set_f1


def test_examples_in_the_docstrings_hold():
    assert doctest.testmod(word_sets).failed == 0


@pytest.mark.parametrize("measure", [token_recall, word_set_f1])
@pytest.mark.parametrize(("answer", "golds"), [(None, ["Lima"]), ("Lima", []), ("", [""])])
def test_without_an_answer_or_a_gold_there_is_nothing(measure, answer, golds):
    assert measure(answer, golds) == 0.0


def test_a_long_answer_keeps_its_recall_and_loses_f1():
    golds = ["Lima", "the city of Lima"]
    assert token_recall("it is the city of Lima in Peru", golds) == 1.0
    assert word_set_f1("it is the city of Lima in Peru", golds) == pytest.approx(2 * 4 / 12)


def test_an_evaluation_has_the_means(make_trace):
    right = make_trace(0, answer="Lima Lima", golds=["Lima"])
    half = make_trace(1, answer="New", golds=["New York"])
    summary = summarize_traces([right, half], engine="unknown")
    assert summary.to_json()["token_recall"] == pytest.approx(0.75)
    assert summary.to_json()["word_set_f1"] == pytest.approx((1 + 2 / 3) / 2)
    assert [row.word_set_f1 for row in summary.questions] == [1.0, pytest.approx(2 / 3)]
