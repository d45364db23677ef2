import doctest

import pytest

from langgraph_deepsearch.evals import redundancy as module
from langgraph_deepsearch.evals.redundancy import Redundancy, redundancy, repeated_queries


def test_doctests_hold():
    assert doctest.testmod(module).failed == 0


def test_reflection_words_count_whole_and_in_any_case_in_what_the_model_wrote(make_trace):
    trace = make_trace(
        thought="Wait, hmm. ALTERNATIVELY, Kuwait awaits; Hmm. ",
        evidence="wait wait wait hmm alternatively",
    )
    figures = redundancy([trace])
    assert (figures.wait, figures.hmm, figures.alternatively) == (1, 2, 1)


@pytest.mark.parametrize(
    ("queries", "repeats"),
    [
        (("a place", "another"), 0),
        (("the place", "Place!", "place"), 2),
        ((), 0),
    ],
)
def test_repeated_queries_ignore_case_and_punctuation(make_trace, queries, repeats):
    assert repeated_queries(make_trace(queries=queries)) == repeats


def test_figures_are_means_over_runs(make_trace):
    figures = redundancy([make_trace(0), make_trace(2, queries=())])
    assert figures.searches == 0.5
    assert figures.output_tokens == 41
    assert figures.n == 2
    assert redundancy([]) == Redundancy()
