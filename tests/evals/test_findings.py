"""O2-Searcher's measures of a list of findings, against its code's arithmetic."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_deepsearch.evals.assignment import best_assignment
from langgraph_deepsearch.evals.findings import (
    FindingsMatch,
    diversity,
    findings,
    findings_form,
    match_findings,
)
from langgraph_deepsearch.evals.query_diversity import query_diversity
from langgraph_deepsearch.evals.similarity import WordSimilarity
from langgraph_deepsearch.evals.tfidf import tfidf_matrix, tfidf_similarity

WORDS = WordSimilarity()
MATRIX = st.integers(1, 4).flatmap(
    lambda n: st.lists(
        st.lists(st.floats(0, 1), min_size=n, max_size=n), min_size=1, max_size=4
    )
)
TEXTS = st.lists(
    st.sampled_from(["alpha beta", "beta gamma", "delta", "", "x"]), max_size=5
)


class Given(WordSimilarity):
    """Says what it is told."""

    def __init__(self, matrix):
        self.matrix = matrix

    def __call__(self, left, right):
        assert (len(left), len(right)) == (len(self.matrix), len(self.matrix[0]))
        return self.matrix


@given(matrix=MATRIX)
def test_the_assignment_is_the_best_of_all(matrix):
    pairs = best_assignment(matrix)
    rows, columns = len(matrix), len(matrix[0])
    assert len(pairs) == min(rows, columns)
    assert len({i for i, _ in pairs}) == len({j for _, j in pairs}) == len(pairs)
    wide = matrix if rows <= columns else [list(c) for c in zip(*matrix, strict=True)]
    best = max(
        sum(wide[i][j] for i, j in enumerate(chosen))
        for chosen in itertools.permutations(range(max(rows, columns)), min(rows, columns))
    )
    assert sum(matrix[i][j] for i, j in pairs) == pytest.approx(best)


@given(left=TEXTS, right=TEXTS)
def test_similarity_is_symmetric_and_1_for_the_same_words(left, right):
    matrix = tfidf_similarity(left, right)
    turned = tfidf_similarity(right, left)
    for i, j in itertools.product(range(len(left)), range(len(right))):
        assert 0.0 <= matrix[i][j] <= 1.0
        assert matrix[i][j] == pytest.approx(turned[j][i])
        if left[i] == right[j] and len(left[i]) > 1:
            assert matrix[i][j] == pytest.approx(1.0)


def test_weights_are_those_of_scikit_learn():
    # TfidfVectorizer().fit_transform(["alpha beta", "alpha gamma", "delta"]), the first two.
    shared, own = math.log(4 / 3) + 1, math.log(4 / 2) + 1
    expected = shared**2 / (shared**2 + own**2)
    matrix = tfidf_matrix(["alpha beta", "alpha gamma", "delta"])
    assert matrix[0][1] == pytest.approx(expected) == pytest.approx(0.366447, abs=1e-6)
    assert matrix[0][2] == 0.0


def test_findings_are_bullet_lines():
    assert findings("- one\n- \ntwo\n- self-made three") == ["one", "self-made three"]
    assert findings(None) == []


@given(lines=st.lists(st.sampled_from(["- alpha beta", "- gamma", "plain", "-", ""])))
def test_form_is_between_0_and_1_and_0_without_bullets(lines):
    text = "\n".join(lines)
    assert 0.0 <= findings_form(text) <= 1.0
    if not any(line.startswith("- ") for line in lines):
        assert findings_form(text) == 0.0


def test_form_is_weighted_as_in_the_original():
    # Two bullets of four lines, a fifth of ten findings, no word shared: 0.5, 0.2, 1.
    text = "intro\n- alpha beta\n- gamma delta\nend"
    assert findings_form(text) == pytest.approx((0.25 + 0.06 + 0.5) / 1.3)


def test_repeated_findings_cost_three_times_their_share():
    distinct = [f"- topic{chr(97 + n) * 3}" for n in range(10)]
    assert findings_form("\n".join(distinct)) == pytest.approx(1.0)
    assert findings_form("\n".join([*distinct[:9], distinct[0]])) < 0.8
    assert findings_form("\n".join([distinct[0]] * 10)) == 0.0
    assert diversity(["alpha beta"] * 3) == 0.0


def test_findings_are_matched_one_to_one():
    references = ["alpha beta gamma", "delta epsilon zeta"]
    assert match_findings(references, references, WORDS).f1 == pytest.approx(1.0)
    assert match_findings([references[0]] * 2, references, WORDS).f1 == pytest.approx(0.5)
    assert match_findings(["other words"], references, WORDS) == FindingsMatch()
    assert match_findings([], references, WORDS) == FindingsMatch()
    found = match_findings(references[:1], references, WORDS)
    assert (found.precision, found.recall) == (1.0, 0.5)


@pytest.mark.parametrize(
    ("matrix", "matched"),
    [
        # Both match the first reference: only the better one keeps it, and is not moved
        # to the second although that would give two matches.
        ([[0.9, 0.8], [0.85, 0.1]], 1),
        ([[0.75, 0.0], [0.0, 0.75]], 2),
        ([[0.7499, 0.0], [0.0, 0.75]], 1),
        ([[0.9, 0.8], [0.1, 0.85]], 2),
    ],
)
def test_a_reference_is_matched_by_its_best_finding_alone(matrix, matched):
    match = match_findings(["a", "b"], ["c", "d"], Given(matrix))
    assert match.precision == match.recall == match.f1 == matched / 2


@given(asked=st.lists(st.text(alphabet="abc ", max_size=30), max_size=25))
def test_query_diversity_is_between_0_and_1(asked):
    assert 0.0 <= query_diversity(asked, WORDS) <= 1.0


def test_the_same_query_again_is_worth_little():
    assert query_diversity(["alpha beta"] * 3, WORDS) == pytest.approx(0.5 * 0.2**2)
    long = [" ".join(f"w{i}{j}" for j in range(8)) for i in range(5)]
    assert query_diversity(long, WORDS) == pytest.approx(0.5)
    assert query_diversity(long[:1], WORDS) == 0.0


def test_short_queries_count_less_and_more_than_five_count_more():
    short = [f"w{i}a w{i}b" for i in range(5)]  # two words and two special tokens of eight
    assert query_diversity(short, WORDS) == pytest.approx(0.5 * 4 / 8)
    many = [" ".join(f"w{i}{j}" for j in range(8)) for i in range(10)]
    assert query_diversity(many, WORDS) == pytest.approx(0.75)
