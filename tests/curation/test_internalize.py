"""R1-Searcher++'s rewriter: right runs into text without a search, checked by code."""

from __future__ import annotations

import json

import pytest

from langgraph_deepsearch.curation.asking import Asker
from langgraph_deepsearch.curation.internalize import (
    InternalizeError,
    internalize,
    internalized_file,
    plan_internalize,
)
from langgraph_deepsearch.curation.pipeline import curate
from langgraph_deepsearch.curation.rewriter import Rewriter, RewriterError
from langgraph_deepsearch.nodes.dialects import get_dialect
from langgraph_deepsearch.nodes.models.resolve import resolve_reasoner
from langgraph_deepsearch.trace import (
    Document,
    ReadRecord,
    SearchRecord,
    Usage,
    read_traces,
    write_traces,
)

PLUS = get_dialect("r1_searcher_plus")
FRANCE = Document(
    title="France", text="France is a country in Europe. Its capital is Paris."
)
SEINE = Document(
    title="Seine", text="The Seine flows through Paris and Rouen.", url="http://s"
)
GOOD = {
    "steps": [
        {
            "thought": "The capital of the country is needed.",
            "knowledge": "The capital of France, a country in Europe, is Paris.",
            "documents": [1],
        },
        {
            "thought": "The river confirms it.",
            "knowledge": "The Seine flows through Paris.",
            "documents": [2],
        },
    ],
    "conclusion": "So the capital of France is Paris.",
}


def changed(**step):
    """Return the good reply with its first step changed."""
    first, second = GOOD["steps"]
    return {**GOOD, "steps": [{**first, **step}, second]}


@pytest.fixture
def run(build):
    """Return a function that makes a run whose searches found the two documents."""

    def make(identifier="t1", outcome=None, **fields):
        searches = [
            SearchRecord(turn=1, query="capital of France", documents=[FRANCE]),
            SearchRecord(turn=2, query="river of Paris", documents=[SEINE]),
        ]
        own = {"outcome": {"acc": 1.0} if outcome is None else outcome}
        return build(identifier, **{"searches": searches, **own, **fields})

    return make


@pytest.fixture
def rewriter(fake_server):
    """Return a function that makes a rewriter whose model gives these replies in order."""

    def make(*replies, **settings):
        fake_server.script([r if isinstance(r, str) else json.dumps(r) for r in replies])
        model = resolve_reasoner("", base_url=fake_server.base_url)
        return Rewriter(Asker(model), **settings)

    return make


async def test_a_right_run_becomes_a_run_that_knew(rewriter, run, fake_server):
    done = await rewriter(GOOD).rewrite(run())
    (request,) = fake_server.generations()
    for said in ("Question: What is the", "Answer: Paris", "Looked for: river of Paris"):
        assert said in request["prompt"]
    assert "Document 2: Seine\nThe Seine flows" in request["prompt"]
    trace = done.trace
    assert trace.output_text == (
        "The capital of the country is needed.\n\n"
        "<internal>The capital of France, a country in Europe, is Paris.</internal>\n\n"
        "The river confirms it.\n\n"
        "<internal>The Seine flows through Paris.</internal>\n\n"
        "So the capital of France is Paris.\n\n<answer>Paris</answer>"
    )
    own = [(s.kind, s.turn) for s in trace.segments if s.trainable]
    assert own == [
        ("reason", 1), ("recall", 1), ("reason", 2), ("recall", 2), ("reason", 3),
        ("answer", 3),
    ]  # fmt: skip
    assert all(s.trainable == (s.kind != "prompt") for s in trace.segments)
    assert (trace.dialect, trace.searches, trace.sources) == ("r1_searcher_plus", [], [])
    assert (trace.usage.recalls, trace.usage.searches, trace.usage.turns) == (2, 0, 3)
    assert trace.prompt_messages == PLUS.prompt(
        trace.question, max_searches=8, today=trace.started_at[:10]
    )
    assert trace.metadata["documents"] == ["France", "http://s"]
    assert trace.metadata["internalized_from"] == "t1"


async def test_a_policys_own_prompt_is_kept_to_the_token(rewriter, run):
    source = run(dialect="r1_searcher_plus")
    source.segments[0].token_ids = [7, 8, 9]
    done = await rewriter(GOOD).rewrite(source)
    assert done.trace.segments[0] == source.segments[0]


REJECTED = [
    ("no reply", "no steps"),
    ({**GOOD, "steps": []}, "no steps"),
    ({**GOOD, "conclusion": ""}, "a part is missing"),
    (changed(knowledge=""), "a part is missing"),
    (changed(documents=["x"]), "cites no document"),
    (changed(documents=[3]), "cites what was not found"),
    (changed(documents=[]), "cites what was not found"),
    (changed(documents=[2]), "not in the documents it cites"),
    (
        changed(knowledge="Paris was founded by settlers from Tamsin in antiquity."),
        "not in the documents it cites",
    ),
    (changed(thought="I need <external>capital</external>."), "holds a tag"),
    (changed(knowledge="Its capital is Paris. </internal>"), "holds a tag"),
    (changed(knowledge="Its capital is <|end_search_result|> Paris."), "holds a tag"),
    ({**GOOD, "conclusion": "So. [INST]"}, "holds a tag"),
    (changed(knowledge="France's capital is Paris [1]."), "speaks of a search"),
    (changed(thought="The documents say the capital."), "speaks of a search"),
    (changed(thought="I will search for the capital."), "speaks of a search"),
    (changed(thought="Search results name it."), "speaks of a search"),
    (
        {**GOOD, "steps": [{**GOOD["steps"][1], "knowledge": "The Seine flows to Rouen."}]},
        "without the answer",
    ),
]


@pytest.mark.parametrize(("reply", "reason"), REJECTED)
async def test_what_fails_a_check_is_asked_for_once_more(rewriter, run, reply, reason):
    done = await rewriter(reply, GOOD).rewrite(run())
    assert done.rejected == (reason,)
    assert done.trace is not None


async def test_what_fails_twice_is_left_out(rewriter, run, fake_server):
    bad = changed(documents=[9])
    done = await rewriter(bad, bad).rewrite(run())
    assert (done.trace, len(done.rejected)) == (None, 2)
    heats = [r["body"]["temperature"] for r in fake_server.generations()]
    assert heats == [0.0, 0.6]


async def test_names_are_no_talk_of_documents(rewriter, run):
    text = (
        "The Northwest Passage and the Pentagon Papers are known, and its capital is Paris."
    )
    passage = Document(title="Passage", text=text)
    searches = [SearchRecord(turn=1, query="x", documents=[passage])]
    step = {"thought": "Names first.", "knowledge": text, "documents": [1]}
    done = await rewriter({**GOOD, "steps": [step]}).rewrite(run(searches=searches))
    assert done.rejected == ()


async def test_a_concluded_answer_need_not_be_a_fact(rewriter, run):
    source = run(answer="\n\n\\boxed{yes}", golds=["yes"])
    done = await rewriter({**GOOD, "conclusion": "So it is."}).rewrite(source)
    assert done.trace.answer == "yes"
    assert done.trace.output_text.endswith("So it is.\n\n<answer>yes</answer>")


async def test_pages_that_were_read_count_as_found(rewriter, run):
    read = ReadRecord(turn=1, url="http://f", goal="capital", document=FRANCE)
    done = await rewriter({**GOOD, "steps": GOOD["steps"][:1]}).rewrite(
        run(searches=[], reads=[read])
    )
    assert done.trace.usage.recalls == 1


def test_a_dialect_that_cannot_recall_is_refused(rewriter):
    with pytest.raises(RewriterError, match="no form for knowledge that is recalled"):
        rewriter(GOOD, dialect="search_r1")


@pytest.fixture
def runs(tmp_path, run):
    """A file of a question's runs, and of one that nobody got right."""
    path = tmp_path / "traces.jsonl"
    more = [SearchRecord(turn=n, query=f"q{n}", documents=[SEINE]) for n in (3, 4)]
    write_traces(
        path,
        [
            run("a/0", {"acc": 0.0}),
            run("a/1", searches=[*run().searches, *more], usage=Usage(searches=4)),
            run("a/2"),
            run("a/3", searches=[], queries=()),
            run("b/0", {"acc": 0.0}, question_id="b"),
            run("c/0", {}, question_id="c"),
        ],
    )
    return path


def test_right_runs_with_fewest_searches_are_rewritten(rewriter, runs, tmp_path):
    assert plan_internalize(runs, tmp_path / "out").items == 2
    report = internalize(runs, rewriter(GOOD, GOOD), tmp_path / "out", concurrency=1)
    assert (report.runs, report.right, report.chosen, report.internalized) == (6, 3, 2, 2)
    found = read_traces(internalized_file(tmp_path / "out"))
    assert [trace.id for trace in found] == ["a/2", "c/0"]
    written = json.loads((tmp_path / "out" / "internalize.json").read_text())
    assert written["internalized"] == 2
    assert written["used"]["calls"] == 2
    assert plan_internalize(runs, tmp_path / "out").items == 0


def test_a_run_that_goes_on_asks_for_nothing_twice(rewriter, runs, tmp_path, fake_server):
    bad = changed(documents=[9])
    one = internalize(runs, rewriter(GOOD, bad, bad), tmp_path / "out", concurrency=1)
    assert (one.internalized, one.rejected) == (1, {"cites what was not found": 2})
    asked = len(fake_server.generations())
    again = internalize(runs, rewriter(), tmp_path / "out")
    assert again.internalized == 1
    assert len(fake_server.generations()) == asked
    more = internalize(runs, rewriter(GOOD), tmp_path / "more", per_question=2)
    assert more.chosen == 3


def test_what_is_written_passes_curation_as_any_run(rewriter, runs, tmp_path):
    internalize(runs, rewriter(GOOD, GOOD), tmp_path / "out", concurrency=1)
    report = curate(
        tmp_path / "out" / "internalized.jsonl",
        tmp_path / "kept",
        preset="r1_searcher",
        without=("effectiveness", "distinct_documents"),
    )
    assert report.kept == 2
    kept = list(read_traces(tmp_path / "kept" / "curated.jsonl"))
    assert all(trace.usage.recalls == 2 for trace in kept)


def test_without_a_right_run_there_is_one_line(rewriter, run, tmp_path):
    path = tmp_path / "traces.jsonl"
    write_traces(path, [run("a", {"acc": 0.0})])
    with pytest.raises(InternalizeError, match="none of 1 runs is right"):
        internalize(path, rewriter(), tmp_path / "out")
