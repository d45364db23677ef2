"""DeepResearcher's rule: any malformed turn ends the run, and costs 1."""

from __future__ import annotations

from ....curation.transcript import written_turns
from ....nodes.dialects import dialect_of
from ....trace import Trace


def deep_researcher_format(trace: Trace) -> list[str]:
    """Return the turns whose action cannot be parsed, and a missing answer.

    Source: DeepResearcher generation.py:339-379 (a malformed output ends the run) and
    format_and_f1.py:67-118.
    """
    dialect = dialect_of(trace)
    turns = ["".join(s.text for s in turn) for turn in written_turns(trace)]
    problems = [
        f"turn {number}: {action.text or 'no action'}"
        for number, text in enumerate(turns, 1)
        if (action := dialect.parse(text)).kind == "invalid"
    ]
    return problems if trace.answer else [*problems, "no final answer"]
