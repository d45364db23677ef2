from __future__ import annotations

import pytest

from langgraph_deepsearch.evals.open_ended import score_open_ended
from langgraph_deepsearch.evals.similarity import WordSimilarity
from langgraph_deepsearch.nodes.dialects import get_dialect
from langgraph_deepsearch.training.rewards.findings import OpenEnded, OpenOrClosed

REWARD = OpenEnded(WordSimilarity())
POINTS = [f"topic{chr(97 + n) * 3} and its case" for n in range(10)]
ANSWER = "\n".join(f"- {point}" for point in POINTS)


@pytest.fixture
def run(make_run):
    dialect = get_dialect()
    asked = [
        ("query", dialect.format_query(" ".join(f"w{i}{j}" for j in range(8))), True)
        for i in range(15)
    ]
    return make_run(asked, answer=ANSWER, golds=POINTS, metadata={"kind": "open_ended"})


def test_an_open_question_gives_at_most_a_half(make_run, run):
    parts = REWARD(0.0, [], run)
    assert parts.total <= 0.5
    assert parts.answer == pytest.approx(0.2)
    assert parts.shaping == pytest.approx(0.1)
    assert REWARD(0.0, [], make_run("", answer=None)).total == 0.0


def test_the_reward_is_what_an_evaluation_measures(run):
    scored = score_open_ended(run, WordSimilarity())
    assert REWARD(0.0, [], run).total == pytest.approx(scored.composite)


def test_each_question_is_rewarded_by_its_kind(make_run, run):
    reward = OpenOrClosed(REWARD)
    assert reward(1.0, [], make_run("x")).total == 1.0
    assert reward(1.0, [], run) == REWARD(1.0, [], run)
