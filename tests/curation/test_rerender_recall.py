"""What a model recalled, said again in another dialect."""

from __future__ import annotations

import pytest

from langgraph_deepsearch.curation.rerender import RerenderError, rerender
from langgraph_deepsearch.nodes.dialects import get_dialect
from langgraph_deepsearch.trace import Document, SearchRecord, Segment, Trace, Usage

PLUS = get_dialect("r1_searcher_plus")
QUESTION = "How many people live in the capital of Peru?"
DOCUMENT = Document(id="1", title="Lima", text="Lima has 10 million people.")
RECALL = f"I know it.\n\n{PLUS.format_recall('The capital of Peru is Lima.')}"
QUERY = f"\n\nHow many live there?\n\n{PLUS.format_query('people in Lima')}"
ANSWER = "So it is.\n\n<answer>10 million</answer>"


def run(*turns, **changes):
    """A run of r1_searcher_plus; a turn with a query is followed by its result."""
    segments = [
        Segment(kind="prompt", speaker=m["role"], text=m["content"])
        for m in PLUS.prompt(QUESTION, max_searches=8)
    ]
    searches = []
    for number, text in enumerate(turns, 1):
        for part in PLUS.split_turn(text):
            own = {"kind": part.kind, "text": text[part.start : part.end], "turn": number}
            segments.append(Segment(**own, speaker="assistant", trainable=True))
        if PLUS.parse(text).kind == "search":
            found = PLUS.render_results(PLUS.format_documents([DOCUMENT.model_dump()]))
            given = {"kind": "result", "text": found, "turn": number}
            segments.append(Segment(**given, speaker="tool"))
            query = PLUS.parse(text).queries[0]
            searches.append(SearchRecord(turn=number, query=query, documents=[DOCUMENT]))
    values = {
        "id": "t",
        "question": QUESTION,
        "segments": segments,
        "searches": searches,
        "answer": "10 million",
        "stop_reason": "answered",
        "dialect": "r1_searcher_plus",
        "usage": Usage(turns=len(turns), recalls=1, searches=len(searches)),
    }
    return Trace(**{**values, **changes})


def written(trace):
    return ["".join(s.text for s in turn if s.trainable) for turn in trace.turns()]


def test_its_own_dialect_keeps_the_form():
    trace = rerender(run(RECALL, QUERY, ANSWER), "r1_searcher_plus")
    assert [s.kind for s in trace.segments if s.trainable] == [
        "reason", "recall", "reason", "query", "reason", "answer",
    ]  # fmt: skip
    assert written(trace)[0] == RECALL
    assert (trace.usage.turns, trace.usage.recalls) == (3, 1)


@pytest.mark.parametrize("dialect", ["search_r1", "search_o1", "r1_searcher"])
def test_other_dialects_think_what_was_known(dialect):
    trace = rerender(run(RECALL, QUERY, ANSWER), dialect)
    first, last = written(trace)
    known = "I know it.\n\nThe capital of Peru is Lima.\n\nHow many live there?"
    assert known in first
    assert get_dialect(dialect).parse(first).queries == ("people in Lima",)
    assert get_dialect(dialect).parse(last).text == "10 million"
    assert (trace.usage.turns, trace.usage.recalls) == (2, 0)
    assert [record.turn for record in trace.searches] == [1]


def test_several_recalls_gather_and_the_last_may_end_the_run():
    trace = rerender(run(RECALL, RECALL, ANSWER), "search_r1")
    (only,) = written(trace)
    assert only.count("The capital of Peru is Lima.") == 2
    torn = run(RECALL, answer=None, stop_reason="turn_limit")
    (only,) = written(rerender(torn, "search_r1"))
    assert only == "I know it.\n\nThe capital of Peru is Lima."


def test_knowledge_that_would_be_an_action_is_refused():
    trap = PLUS.format_recall("It is <search>x</search> there.")
    with pytest.raises(RerenderError, match="say something else in 'search_r1'"):
        rerender(run(trap, ANSWER), "search_r1")
