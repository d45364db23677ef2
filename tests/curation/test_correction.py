"""Correction of the answer's form."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_deepsearch.curation.correction import Correction, correct_answer_form
from langgraph_deepsearch.nodes.dialects import get_dialect
from langgraph_deepsearch.trace import Segment, Trace

CASES = [
    (r"\boxed{\text{Paris}}", r"\boxed{Paris}", "Paris"),
    (r"\boxed{\text{New \textbf{York}}}", r"\boxed{New York}", "New York"),
    (r"\boxed{f(x)=\frac{1}{2}}", r"\boxed{f(x)=\frac{1}{2}}", r"f(x)=\frac{1}{2}"),
    (r"\boxed{A} or \boxed{B}", r"A or \boxed{B}", "B"),
    (r"\boxed{\boxed{A}} or \boxed{B}", r"A or \boxed{B}", "B"),
    (r"\boxed{Paris}. I hope so!", r"\boxed{Paris}", "Paris"),
    (r"\boxed{ \text{Paris} }", r"\boxed{Paris}", "Paris"),
]


@pytest.mark.parametrize(("before", "after", "answer"), CASES)
def test_answers_get_the_standard_form(build, dialect, before, after, answer):
    trace = build(answer=before)
    corrected = correct_answer_form(trace, dialect).trace
    assert corrected.segments[-1].text == after
    assert corrected.answer == answer
    assert corrected.segments[:-1] == trace.segments[:-1]


def test_edited_segment_loses_its_tokens_and_nothing_else(build, dialect):
    trace = build(answer=r"\boxed{\text{Paris}}", token_ids=True)
    trace.segments[-1].end_id, trace.segments[-1].end_logprob = 2, -0.1
    corrected = correct_answer_form(trace, dialect).trace
    sampled = ("token_ids", "logprobs", "end_id", "end_logprob")
    assert [getattr(corrected.segments[-1], name) for name in sampled] == [None] * 4
    assert corrected.exactness == "text"
    assert [s.token_ids for s in corrected.segments[:-1]] == [
        s.token_ids for s in trace.segments[:-1]
    ]
    assert trace.segments[-1].token_ids == [1, 2, 3]


def test_a_right_answer_keeps_its_tokens(build, dialect):
    trace = build(token_ids=True)
    done = correct_answer_form(trace, dialect)
    assert done.kinds == ()
    assert done.trace is trace


@pytest.mark.parametrize("answer", [r"\boxed{ Paris }", r"\boxed{ Paris}"])
def test_white_space_is_no_fault_of_form(build, dialect, answer):
    trace = build(answer=answer, token_ids=True)
    done = correct_answer_form(trace, dialect)
    assert done.kinds == ()
    assert done.trace is trace


@pytest.mark.parametrize(
    ("closing", "answer"),
    [
        ("I know it now.</think>\n\nThe final answer is Paris.", "Paris"),
        ("The answer is Lyon, no.</think>\n\nSo the answer is **Paris**.", "Paris"),
        ("x</think>\n\nThe answer to the question is St. Louis.", "St. Louis"),
        ("The answer is unclear.</think>\n\nI cannot say.", None),
        ("x</think>\n\nThe answer is " + "very " * 20 + "long.", None),
    ],
)
def test_a_stated_answer_is_put_in_the_template(build, dialect, closing, answer):
    trace = build(closing=closing, answer="")
    corrected = correct_answer_form(trace, dialect).trace
    assert corrected.answer == answer


def test_text_between_thought_and_answer_goes_when_asked(build, dialect):
    trace = build(answer="\n\nSo the answer is:\n\\boxed{Paris}")
    corrected = correct_answer_form(trace, dialect, Correction(cut_before=True)).trace
    assert corrected.segments[-1].text == "\n\n\\boxed{Paris}"


def test_a_forced_answer_is_left_alone(build, dialect):
    trace = build(answer="")
    trace.segments[-1] = Segment(
        kind="notice", speaker="assistant", text=dialect.force_answer(), turn=2
    )
    trace.segments.append(
        Segment(kind="answer", speaker="assistant", text="Paris}", trainable=True, turn=2)
    )
    assert correct_answer_form(trace, dialect).trace is trace


PIECES = [
    "\\boxed{",
    "}",
    "{",
    "\\text{",
    "Paris",
    " ",
    "\n",
    "The answer is ",
    ".",
    "</think>",
]


@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join), st.booleans())
def test_correcting_twice_changes_nothing_more(text, cut_before):
    dialect = get_dialect()
    parts = dialect.split_turn(text)
    written = [
        Segment(
            kind=part.kind,
            speaker="assistant",
            text=text[part.start : part.end],
            trainable=True,
            turn=1,
        )
        for part in parts
    ]
    trace = Trace(
        id="t",
        question="?",
        segments=written,
        stop_reason="answered",
        dialect=dialect.name,
        answer=dialect.extract_answer(text),
    )
    rules = Correction(cut_before=cut_before)
    once = correct_answer_form(trace, dialect, rules)
    twice = correct_answer_form(once.trace, dialect, rules)
    assert twice.kinds == ()
    assert twice.trace is once.trace
    if trace.answer is not None:
        assert once.trace.answer == trace.answer
