"""The stand-ins answer a model's own prompts over a model server's protocol."""

from __future__ import annotations

import asyncio

import pytest

from langgraph_deepsearch.evals.judge import Judge, JudgeError
from langgraph_deepsearch.nodes.models.resolve import forget_reasoners, resolve_reasoner
from langgraph_deepsearch.recipes.stand_ins import (
    JUDGE,
    SIMULATOR,
    judge,
    serve_stand_ins,
    simulator,
)
from langgraph_deepsearch.tools.base import Episode
from langgraph_deepsearch.tools.factory import make_search
from langgraph_deepsearch.trace import Document


class Ranked:
    """A search whose results are numbered by rank."""

    name = "ranked"
    returns_full_text = True
    settings = {}

    def search(self, query, k, *, episode=None):
        return [
            Document(id=str(n), title=f"T{n}", text=f"Rank {n} on {query}. Other words.")
            for n in range(1, k + 1)
        ]


@pytest.fixture
def server():
    with serve_stand_ins({SIMULATOR: simulator(Ranked()), JUDGE: judge}) as url:
        yield url
    forget_reasoners()


@pytest.mark.parametrize(
    ("prediction", "verdict"),
    [("Lima", "correct"), ("It is Lima {golds}.", "correct"), ("Quito", "incorrect")],
)
def test_the_judge_compares_with_the_accepted_answers(server, prediction, verdict):
    own = Judge(resolve_reasoner(JUDGE, base_url=server))
    golds = ("Lima", "Ciudad de los Reyes")
    assert asyncio.run(own.judge("Capital?", golds, prediction)) == verdict


def test_the_simulator_writes_what_helps_or_what_stands_below(server):
    search = make_search(f"simulated:{server}?model={SIMULATOR}&noise_start=0&noise_end=1")
    first = Episode("What?", ("Lima",), training_step=0, training_steps=10)
    last = Episode("What?", ("Lima",), training_step=10, training_steps=10)
    useful = search.search("capital peru", 3, episode=first)
    noisy = search.search("capital peru", 3, episode=last)
    assert [d.text for d in useful] == [
        f"T{n}: Rank {n} on capital peru." for n in (1, 2, 3)
    ]
    assert [d.text for d in noisy] == [
        f"T{n}: Rank {n} on capital peru." for n in (4, 5, 6)
    ]


def test_a_prompt_they_do_not_know_is_an_error(server):
    reasoner = resolve_reasoner(SIMULATOR, base_url=server)
    with pytest.raises(JudgeError, match="not the one this stand-in knows"):
        asyncio.run(Judge(reasoner).judge("?", ("a",), "b"))
