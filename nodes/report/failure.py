"""What happens when the model's server fails for good: the report is not lost with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langgraph.errors import NodeError
from langgraph.types import Command

from ..models.base import ModelError


def end_with_report(state: Mapping[str, Any], error: NodeError) -> Command[str]:
    """Return the way to the last step, for a run that has sections already.

    Its stop reason is then `error`, and the state says which. A report that the model had
    finished is whole, and only stays unpolished.

    Raises:
        Exception: the step's own, when nothing is written yet or it was no model's failure:
            a run on a thread can then be resumed at that step.
    """
    failure = error.error
    if not (isinstance(failure, ModelError) and state.get("drafts")):
        raise failure
    line = " ".join(str(failure).split())
    stop = {"pending": {"kind": "stop", "reason": "error"}}
    is_finished = state["pending"]["kind"] == "answer"
    return Command(update={"error": line, **({} if is_finished else stop)}, goto="generate")
