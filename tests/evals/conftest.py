import pytest

from langgraph_deepsearch.trace import (
    ChildRecord,
    Document,
    SearchRecord,
    Segment,
    Source,
    Trace,
    Usage,
)

BEGIN, END = "<|begin_search_query|>", "<|end_search_query|>"
OPEN, CLOSE = "<|begin_search_result|>", "<|end_search_result|>"


def build_trace(
    number=0,
    *,
    answer="Velmar",
    golds=("Velmar",),
    queries=("Anja Telk birthplace",),
    evidence="Anja Telk was born in Velmar.",
    thought="I need the birthplace. ",
    kind="compositional",
    hops=2,
    stop_reason="answered",
    question=None,
    **fields,
):
    """A run: one search a turn, then an answer turn when there is an answer."""
    question = question or f"Where was the director of film {number} born?"
    segments = [
        Segment(kind="prompt", speaker="user", text=f"Answer. Question:\n{question}")
    ]
    searches = []
    seen = set()
    for turn, query in enumerate(queries, 1):
        segments += [
            Segment(
                kind="reason", speaker="assistant", text=thought, trainable=True, turn=turn
            ),
            Segment(
                kind="query",
                speaker="assistant",
                text=f"{BEGIN}{query}{END}",
                trainable=True,
                turn=turn,
            ),
        ]
        if query in seen:
            text = f"\n{OPEN}\nYou have searched this query.\n{CLOSE}\n"
            segments.append(Segment(kind="notice", speaker="tool", text=text, turn=turn))
            continue
        seen.add(query)
        document = Document(
            id=str(turn),
            title=f"Page {turn}",
            text=evidence,
            url=f"http://desk.test/{turn}",
        )
        searches.append(SearchRecord(turn=turn, query=query, documents=[document]))
        text = f"\n\n{OPEN}{evidence}{CLOSE}\n\n"
        segments.append(Segment(kind="result", speaker="tool", text=text, turn=turn))
    if answer is not None:
        text = f"\\boxed{{{answer}}}"
        segments += [
            Segment(
                kind="reason",
                speaker="assistant",
                text=f"So it is {answer}. ",
                trainable=True,
                turn=len(queries) + 1,
            ),
            Segment(
                kind="answer",
                speaker="assistant",
                text=text,
                trainable=True,
                turn=len(queries) + 1,
            ),
        ]
    values = {
        "id": f"q{number}/0",
        "question_id": f"q{number}",
        "question": question,
        "golds": list(golds),
        "metadata": {"kind": kind, "hops": hops},
        "segments": segments,
        "searches": searches,
        "sources": [
            Source(id=str(i), url=f"http://desk.test/{i}", title=f"Page {i}")
            for i in range(1, len(searches) + 1)
        ],
        "children": [
            ChildRecord(step="condense", turn=1, model="small", completion_tokens=7)
        ],
        "answer": answer,
        "stop_reason": stop_reason,
        "dialect": "simple_deep_searcher",
        "model": "desk",
        "usage": Usage(
            turns=len(queries) + 1,
            searches=len(searches),
            completion_tokens=40 + number,
            child_completion_tokens=7,
        ),
        "seconds": 1.5,
    }
    return Trace(**{**values, **fields})


@pytest.fixture
def make_trace():
    return build_trace
