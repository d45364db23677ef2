from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_deepsearch.nodes.dialects import get_dialect
from langgraph_deepsearch.training.rewards.assignment import best_assignment
from langgraph_deepsearch.training.rewards.findings import (
    OpenEnded,
    diversity,
    findings,
    findings_f1,
    findings_form,
    query_independence,
)
from langgraph_deepsearch.training.rewards.tfidf import tfidf_similarity

MATRIX = st.integers(1, 4).flatmap(
    lambda n: st.lists(
        st.lists(st.floats(0, 1), min_size=n, max_size=n), min_size=1, max_size=4
    )
)
TEXTS = st.lists(
    st.sampled_from(["alpha beta", "beta gamma", "delta", "", "x"]), max_size=5
)


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


def test_findings_are_bullet_lines():
    assert findings("- one\n- \ntwo\n- self-made three") == ["one", "self-made three"]
    assert findings(None) == []


@given(lines=st.lists(st.sampled_from(["- alpha beta", "- gamma", "plain", "-", ""])))
def test_form_is_between_0_and_1_and_0_without_lines(lines):
    text = "\n".join(lines)
    assert 0.0 <= findings_form(text) <= 1.0
    if not text.strip():
        assert findings_form(text) == 0.0


def test_repeated_findings_cost_three_times_their_share():
    distinct = [f"- topic{chr(97 + n) * 3}" for n in range(10)]
    assert findings_form("\n".join(distinct)) == pytest.approx(1.0)
    assert findings_form("\n".join([*distinct[:9], distinct[0]])) < 0.8
    assert findings_form("\n".join([distinct[0]] * 10)) == 0.0
    assert diversity(["alpha beta"] * 3) == 0.0


def test_findings_are_matched_one_to_one():
    references = ["alpha beta gamma", "delta epsilon zeta"]
    assert findings_f1(references, references) == pytest.approx(1.0)
    assert findings_f1([references[0]] * 2, references) == pytest.approx(0.5)
    assert findings_f1(["other words"], references) == 0.0
    assert findings_f1([], references) == 0.0


@given(asked=st.lists(st.text(alphabet="abc ", max_size=30), max_size=25))
def test_query_independence_is_between_0_and_1(asked):
    assert 0.0 <= query_independence(asked) <= 1.0


def test_the_same_query_again_is_worth_little():
    assert query_independence(["alpha beta"] * 3) == pytest.approx(0.5 * 0.2**2)
    long = [" ".join(f"w{i}{j}" for j in range(8)) for i in range(5)]
    assert query_independence(long) == pytest.approx(0.5)
    assert query_independence(long[:1]) == 0.0


def test_an_open_question_gives_at_most_a_half(make_run):
    points = [f"topic{chr(97 + n) * 3} and its case" for n in range(10)]
    dialect = get_dialect()
    asked = [
        ("query", dialect.format_query(" ".join(f"w{i}{j}" for j in range(8))), True)
        for i in range(15)
    ]
    answer = "\n".join(f"- {point}" for point in points)
    parts = OpenEnded()(0.0, [], make_run(asked, answer=answer, golds=points))
    assert parts.total <= 0.5
    assert parts.answer == pytest.approx(0.2)
    assert parts.shaping == pytest.approx(0.1)
    assert OpenEnded()(0.0, [], make_run("", answer=None)).total == 0.0
