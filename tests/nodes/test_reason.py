"""Cutting a generation into segments at token boundaries; planning queries."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from langgraph_deepsearch.nodes.dialects import get_dialect
from langgraph_deepsearch.nodes.models.base import Generation, Piece
from langgraph_deepsearch.nodes.reason import plan_queries, split_generation

DIALECT = get_dialect()


def generation(*texts: str) -> Generation:
    pieces = tuple(Piece(t, (n,), (-0.1 * n,)) for n, t in enumerate(texts, 1))
    return Generation(pieces, "action", prompt_tokens=5, completion_tokens=len(texts))


def split(made: Generation):
    return split_generation(made, DIALECT.split_turn(made.text), 1)


def test_a_cut_inside_a_token_moves_to_its_start():
    made = generation(
        "I need", " it. <|begin", "_search_query|>x", "<|end_search_query|>\n"
    )
    segments = split(made)
    assert [(s["kind"], s["text"], s["token_ids"]) for s in segments] == [
        ("reason", "I need", [1]),
        ("query", " it. <|begin_search_query|>x<|end_search_query|>\n", [2, 3, 4]),
    ]
    assert segments[1]["logprobs"] == [-0.2, -0.30000000000000004, -0.4]


TEXT = "Think first.</think> then <|begin_search_query|>é 東京<|end_search_query|>"


@given(
    st.lists(st.integers(0, len(TEXT)), max_size=20),
    st.sampled_from(["action", "stop", "length"]),
    st.booleans(),
)
def test_segments_joined_are_the_ids_and_text_as_sampled(cuts, finish, has_ids):
    edges = sorted({0, len(TEXT), *cuts})
    made = replace(
        generation(*(TEXT[a:b] for a, b in pairwise(edges))), finish_reason=finish
    )
    if not has_ids:
        plain = split(replace(made, pieces=(Piece(TEXT),)))
        assert [bool(s.get("torn")) for s in plain] == [False, finish == "length"]
    segments = split(made)
    assert [s.get("torn", False) for s in segments[:-1]] == [False] * (len(segments) - 1)
    assert segments[-1].get("torn", False) == (finish == "length")
    assert "".join(s["text"] for s in segments) == made.text
    assert [i for s in segments for i in s["token_ids"]] == made.token_ids
    assert all(s["trainable"] and s["text"] for s in segments)


def test_empty_pieces_stay_with_what_follows():
    made = generation("a", "", "<|begin_search_query|>q<|end_search_query|>")
    assert [s["token_ids"] for s in split(made)] == [[1], [2, 3]]


def test_an_end_token_stands_beside_the_last_segment():
    ended = replace(generation("So. ", "\\boxed{x}"), end_id=9, end_logprob=-0.5)
    *others, last = split(ended)
    assert (last["end_id"], last["end_logprob"]) == (9, -0.5)
    assert 9 not in last["token_ids"]
    assert not any("end_id" in segment for segment in others)
    (silent,) = split(replace(ended, pieces=()))
    assert (silent["kind"], silent["text"], silent["token_ids"]) == ("reason", "", [])
    assert silent["end_id"] == 9
    assert split(replace(generation(), pieces=())) == []


def test_without_ids_the_cut_is_exact():
    text = "hm <|begin_search_query|>q<|end_search_query|>"
    made = Generation((Piece(text),), "action")
    assert [s["text"] for s in split(made)] == ["hm ", text[3:]]


def state(limit, done=(), used=0):
    return {
        "run": {"limits": {"searches": limit}},
        "counts": {"searches": used},
        "searches": [{"query": query, "error": None} for query in done],
    }


def verdicts(plan):
    return [entry["verdict"] for entry in plan]


def test_queries_are_cut_to_the_budget_that_is_left():
    assert verdicts(plan_queries(state(3, used=2), ["a", "b", "c"])) == [
        "run",
        "limit",
        "limit",
    ]


def test_the_limit_is_tested_before_the_repeat():
    assert verdicts(plan_queries(state(1, done=["a"], used=1), ["a"])) == ["limit"]


def test_a_query_that_failed_is_no_repeat():
    failed = state(None)
    failed["searches"] = [{"query": "a", "error": "the search is down"}]
    assert verdicts(plan_queries(failed, ["a"])) == ["run"]


def test_a_query_twice_in_one_turn_runs_once():
    assert verdicts(plan_queries(state(None), ["big a", "big a"])) == ["run", "repeat"]


def test_a_repeat_is_the_same_text_as_in_the_originals():
    done = state(None, done=["US population"])
    asked = ["us  population", "US population", "US population?"]
    assert verdicts(plan_queries(done, asked)) == ["run", "repeat", "run"]
