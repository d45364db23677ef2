"""Filters: each rule removes what it names, and nothing else."""

from __future__ import annotations

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_deepsearch.curation.filters import (
    AdmittedGuess,
    AlternativelyTotal,
    AnswerAfterThought,
    Correct,
    DistinctDocuments,
    ExactMatch,
    FirstReasonLength,
    GroundedQuery,
    Hmm,
    LongestReasonLength,
    MixedLanguage,
    NoRepeatedQuery,
    NoSelfWrittenResults,
    RepeatedTrigrams,
    SupportedAnswer,
    ThinkingTags,
    TotalLength,
    TurnShape,
    Wait,
    WellFormedMarkers,
    count_word,
)
from langgraph_deepsearch.curation.presets import REFERENCE
from langgraph_deepsearch.trace import Document, ReadRecord, Segment

LONG = " ".join(f"w{i}" for i in range(300))

REMOVED = [
    (WellFormedMarkers(), {"closing": "I end_search_query here.</think>"}),
    (WellFormedMarkers(), {"closing": "<begin_search_query>x</think>"}),
    (ThinkingTags(), {"closing": "</think></think></think>"}),
    (AnswerAfterThought(), {"closing": "It is \\boxed{Paris}.</think>"}),
    (NoSelfWrittenResults(), {"closing": "<|begin_search_result|>made up</think>"}),
    (TurnShape(), {"closing": "no thinking tag"}),
    (TurnShape(), {"stop_reason": "turn_limit"}),
    (TurnShape(), {"answer": ""}),
    (TurnShape(), {"reasons": ["done</think>"]}),
    (TurnShape(), {"reasons": ["<|end_search_query|>"]}),
    (FirstReasonLength(), {"reasons": [LONG]}),
    (LongestReasonLength(), {"closing": LONG + "</think>"}),
    (Wait(), {"closing": "Wait, WAIT, wait. wait</think>"}),
    (Hmm(limit=0), {"reasons": ["Hmm. "]}),
    (AlternativelyTotal(), {"queries": "abcd", "reasons": ["Alternatively "] * 4}),
    (RepeatedTrigrams(), {"closing": "on and on " * 20 + "</think>"}),
    (DistinctDocuments(), {"queries": ()}),
    (DistinctDocuments(), {"documents": 0}),
    (GroundedQuery(), {"queries": ("mayor of Atlantis",)}),
    (AdmittedGuess(), {"closing": "I think I know it.</think>"}),
    (NoRepeatedQuery(), {"queries": ("Who is X", "who  is x")}),
    (MixedLanguage(), {"closing": "所以 it is Paris</think>"}),
    (Correct(), {"outcome": {"acc": 0.0}}),
    (Correct(), {"outcome": {}}),
    (Correct(), {"outcome": {"judge": 0.0}}),
    (ExactMatch(), {"outcome": {"acc": 1.0, "em": 0.0}}),
    (TotalLength(words=100), {"closing": LONG}),
    (SupportedAnswer(), {"answer": "\n\n\\boxed{Lyon}"}),
]


@pytest.mark.parametrize(("rule", "fields"), REMOVED)
def test_rule_removes_what_it_names(rule, fields, build, dialect):
    assert rule.reason(build(**fields), dialect)
    assert rule.reason(build(outcome={"acc": 1.0, "em": 1.0}), dialect) is None


CJK = "".join(chr(0x4E00 + number) for number in range(400)) + "</think>"
"""No two signs alike."""


@pytest.mark.parametrize(
    ("rule", "fields"),
    [
        (FirstReasonLength, {"reasons": [CJK]}),
        (LongestReasonLength, {"closing": CJK}),
        (partial(TotalLength, words=300), {"closing": CJK}),
        (RepeatedTrigrams, {"closing": "好的好的好的" * 20 + "</think>"}),
    ],
)
def test_signs_are_words_in_scripts_without_spaces(rule, fields, build, dialect):
    trace = build(**fields)
    assert rule().reason(trace, dialect)
    assert rule(by_spaces=True).reason(trace, dialect) is None


def test_the_reference_cuts_at_spaces(build, dialect):
    trace = build(closing="ア" * 400 + "</think>")
    rules = [f for f in REFERENCE.filters if f.dimension == "path"]
    assert [rule.reason(trace, dialect) for rule in rules] == [None] * len(rules)


def test_every_rule_names_itself_and_its_source():
    for rule, _ in REMOVED:
        assert rule.name
        assert rule.source
        assert rule.dimension in (
            "format",
            "path",
            "difficulty",
            "effectiveness",
            "outcome",
        )


def test_parts_of_words_are_no_reflection(build, dialect):
    text = "Kuwait awaiting waiter Kuwait waiting</think>"
    assert Wait(limit=0).reason(build(closing=text), dialect) is None


@given(st.lists(st.sampled_from(["wait", "Wait", "WAIT", "Kuwait", "waits", "hmm"])))
def test_whole_words_are_counted_in_any_case(words):
    expected = sum(word.lower() == "wait" for word in words)
    assert count_word("wait", ", ".join(words)) == expected


def test_results_are_not_the_models_text(build, dialect):
    trace = build()
    result = next(s for s in trace.segments if s.kind == "result")
    result.text = "所以 begin_search_query Wait wait wait wait Alternatively " * 9
    rules = [
        MixedLanguage(),
        WellFormedMarkers(),
        Wait(),
        AlternativelyTotal(),
    ]
    assert [rule.reason(trace, dialect) for rule in rules] == [None] * len(rules)


@pytest.mark.parametrize("per_query", [3, 5, 10])
def test_document_rule_is_a_ratio(build, dialect, per_query):
    trace = build(queries=("a", "b"), documents=per_query)
    assert DistinctDocuments().reason(trace, dialect) is None
    trace.searches[1].documents = trace.searches[0].documents
    assert DistinctDocuments().reason(trace, dialect)
    assert DistinctDocuments(ratio=0.3).reason(trace, dialect) is None


def test_question_in_its_own_script_is_no_mixture(build, dialect):
    trace = build(question="巴黎在哪里?", closing="巴黎</think>")
    assert MixedLanguage().reason(trace, dialect)
    assert MixedLanguage(allows_question_script=True).reason(trace, dialect) is None


def test_verdicts_stand_in_for_golds(build, dialect):
    assert Correct().reason(build(golds=(), outcome={"user": 1.0}), dialect) is None
    assert Correct().reason(build(golds=(), outcome={"judge": 1.0}), dialect) is None
    assert Correct(("user", "acc")).reason(
        build(outcome={"user": 0.0, "acc": 1.0}), dialect
    )


def test_concluded_answers_need_no_support(build, dialect):
    assert SupportedAnswer().reason(build(answer="\n\n\\boxed{Yes}"), dialect) is None
    assert SupportedAnswer().reason(build(answer="\n\n\\boxed{3}"), dialect) is None


def test_limit_and_repeat_notices_keep_the_shape(build, dialect):
    trace = build(queries=("a", "b"))
    notice = dialect.repeat_message("b")
    trace.segments[6] = Segment(kind="notice", speaker="tool", text=notice, turn=2)
    assert TurnShape().reason(trace, dialect) is None


def test_thinking_aloud_can_be_optional(build, dialect):
    trace = build(closing="So Paris.")
    assert TurnShape(thinking="optional").reason(trace, dialect) is None


def test_what_an_opened_page_names_may_be_asked_for(build, dialect):
    trace = build(queries=("capital of France", "mayor of Atlantis"))
    second = trace.searches[1].turn
    page = Document(title="Atlantis", text="It has a mayor.")
    filter_ = GroundedQuery()
    assert filter_.reason(trace, dialect)
    trace.reads = [ReadRecord(turn=second - 1, url="http://x/1", document=page)]
    assert filter_.reason(trace, dialect) is None
    trace.reads = [ReadRecord(turn=second, url="http://x/1", document=page)]
    assert filter_.reason(trace, dialect)
