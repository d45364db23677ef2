"""The form every dialect has: actions that parse, then one answer, no forged tags."""

from __future__ import annotations

from ....curation.filters.self_written import NoSelfWrittenResults
from ....curation.filters.turn_shape import TurnShape
from ....nodes.dialects import dialect_of
from ....trace import Trace

RULES = (TurnShape(thinking="optional"), NoSelfWrittenResults())
"""The rules of curation that hold for any dialect."""


def well_formed(trace: Trace) -> list[str]:
    """Return what breaks the form of the trace's own dialect.

    Every turn but the last must end in an action that parses, the last in the answer;
    control tags stand nowhere else, and no result is of the model's own making.
    """
    dialect = dialect_of(trace)
    found = (rule.reason(trace, dialect) for rule in RULES)
    return [problem for problem in found if problem]
