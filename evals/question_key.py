"""Which runs are of the same question."""

from __future__ import annotations

from ..trace import Trace

QuestionKey = tuple[str, str]
"""A question's id, its text where it has none; and its text, since two question files may
both count from 0."""


def question_key(trace: Trace) -> QuestionKey:
    """Return what tells a trace's question from others."""
    return trace.question_id or trace.question, trace.question
