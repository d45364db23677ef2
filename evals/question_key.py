"""Which runs are of the same question."""

from __future__ import annotations

from ..trace import Trace

QuestionKey = tuple[str, str]
"""A question's id, its text where it has none; and its text, since two question files may
both count from 0."""


def runs_of_questions(runs: int, questions: int, kind: str = "") -> str:
    """Return how many runs of how many questions there are, in words.

    >>> runs_of_questions(3, 3), runs_of_questions(9, 3, "open-ended")
    ('3 questions', '9 runs of 3 open-ended questions')
    """
    noun = f"{kind} questions".strip()
    return f"{runs} {noun}" if runs == questions else f"{runs} runs of {questions} {noun}"


def question_key(trace: Trace) -> QuestionKey:
    """Return what tells a trace's question from others."""
    return trace.question_id or trace.question, trace.question
