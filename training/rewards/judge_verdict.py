"""A judge's verdict on the answer, asked for before rewards are computed."""

from __future__ import annotations

from ...trace import Trace
from .base import RewardError

JUDGE_KEY = "judge"
"""Key of a trace's outcome that holds the verdict, 0 or 1."""


def judge_verdict(trace: Trace) -> float:
    """Return the verdict in the trace's outcome.

    Source: WebDancer section 3 and MaskSearch, whose answer term is a judge.

    Raises:
        RewardError: the trace was not judged.
    """
    verdict = trace.outcome.get(JUDGE_KEY)
    if verdict is None:
        msg = (
            f"trace {trace.id} has no judge's verdict; set judge_model (and judge_url), or "
            "choose a reward without a judge"
        )
        raise RewardError(msg)
    return verdict
