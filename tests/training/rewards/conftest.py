"""Runs to be rewarded."""

from __future__ import annotations

import pytest

from langgraph_deepsearch.trace import SearchRecord, Segment, Trace, Usage


def make_run(
    text: str | list[tuple[str, str, bool]] = "",
    *,
    answer: str | None = "Paris",
    golds=("Paris",),
    searches: int = 0,
    **changes,
) -> Trace:
    """A run whose output is `text`, or (kind, text, by the model) parts."""
    parts = [("answer", text, True)] if isinstance(text, str) else text
    turn = 1
    segments = [Segment(kind="prompt", speaker="user", text="Where?")]
    for kind, said, mine in parts:
        speaker = "assistant" if mine else "tool"
        segments.append(
            Segment(kind=kind, speaker=speaker, text=said, trainable=mine, turn=turn)
        )
        turn += not mine
    values = {
        "id": "run",
        "question": "Where?",
        "golds": list(golds),
        "segments": segments,
        "searches": [SearchRecord(turn=1, query=f"q{n}") for n in range(searches)],
        "answer": answer,
        "stop_reason": "answered",
        "dialect": "simple_deep_searcher",
        "usage": Usage(searches=searches),
    }
    return Trace(**{**values, **changes})


@pytest.fixture(name="make_run", scope="session")
def _make_run():
    return make_run
