"""ReSearch's rules for the form (src/verl/utils/reward_score/re_search.py:149-179)."""

from __future__ import annotations

from ....nodes.dialects.parts.boxed import boxed_spans
from ....trace import Trace

PAIRED = ("think", "search", "result", "answer")
"""Tags that must open and close equally often; that a search needs a result of its own
and how strictly order is checked there is unverified."""


def research_format(trace: Trace) -> list[str]:
    """Return what makes the run worth 0: unpaired tags, no answer, no box in it, length."""
    text = trace.output_text
    problems = [
        f"<{tag}> and </{tag}> in unequal number"
        for tag in PAIRED
        if text.count(f"<{tag}>") != text.count(f"</{tag}>")
    ]
    if trace.stop_reason in ("token_limit", "context_limit"):
        problems.append("over-length")
    answer = text.rpartition("<answer>")[2].partition("</answer>")[0]
    if text.count("<answer>") != 1:
        problems.append("not exactly one answer")
    elif not boxed_spans(answer):
        problems.append("no box in the answer")
    return problems
