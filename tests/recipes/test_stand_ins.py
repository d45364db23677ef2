"""The stand-ins answer a model's own prompts over a model server's protocol."""

from __future__ import annotations

import asyncio

import pytest

from langgraph_deepsearch.curation.asking import Asker
from langgraph_deepsearch.curation.rewriter import Rewriter
from langgraph_deepsearch.evals.judge import Judge, JudgeError
from langgraph_deepsearch.nodes.dialects import get_dialect
from langgraph_deepsearch.nodes.models.resolve import forget_reasoners, resolve_reasoner
from langgraph_deepsearch.recipes.stand_ins import (
    JUDGE,
    REWRITER,
    SIMULATOR,
    judge,
    rewriter,
    serve_stand_ins,
    simulator,
)
from langgraph_deepsearch.tools.base import Episode
from langgraph_deepsearch.tools.factory import make_search
from langgraph_deepsearch.trace import Document, SearchRecord, Segment, Trace


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
    models = {SIMULATOR: simulator(Ranked()), JUDGE: judge, REWRITER: rewriter}
    with serve_stand_ins(models) as url:
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


def test_the_rewriter_tells_what_was_found_and_passes_the_checks(server, run):
    asker = Asker(resolve_reasoner(REWRITER, base_url=server))
    rewritten = asyncio.run(Rewriter(asker).rewrite(run))
    assert rewritten.rejected == ()
    recalled = [s.text for s in rewritten.trace.segments if s.kind == "recall"]
    assert len(recalled) == 2
    assert "Red Watch was directed by Mira Holm." in recalled[0]
    assert "Mira Holm was born in Norvale." in recalled[1]
    assert rewritten.trace.answer == "Norvale"


@pytest.fixture
def run():
    """A right run of two searches."""
    dialect = get_dialect("r1_searcher_plus")
    question = "Where was the director of the film Red Watch born?"
    found = {
        "director of Red Watch": "It rained. Red Watch was directed by Mira Holm.",
        "birthplace of Mira Holm": "Mira Holm was born in Norvale. She paints.",
    }
    prompt = dialect.prompt(question, max_searches=6)
    return Trace(
        id="q/0",
        question=question,
        golds=["Norvale"],
        answer="Norvale",
        stop_reason="answered",
        dialect=dialect.name,
        segments=[
            Segment(kind="prompt", speaker=m["role"], text=m["content"]) for m in prompt
        ],
        searches=[
            SearchRecord(
                turn=n, query=query, documents=[Document(id="1", title="T", text=t)]
            )
            for n, (query, t) in enumerate(found.items(), 1)
        ],
    )


def test_a_prompt_they_do_not_know_is_an_error(server):
    reasoner = resolve_reasoner(SIMULATOR, base_url=server)
    with pytest.raises(JudgeError, match="not the one this stand-in knows"):
        asyncio.run(Judge(reasoner).judge("?", ("a",), "b"))
