"""What a response filter is."""

from __future__ import annotations

from typing import ClassVar, Literal, Protocol

from ...nodes.dialects import Dialect
from ...trace import Trace

Dimension = Literal["format", "path", "difficulty", "effectiveness", "outcome"]
"""The paper's four dimensions of response curation (section 2.3), and the outcome."""


class Filter(Protocol):
    """One rule. Its constants are the fields of a frozen dataclass."""

    name: ClassVar[str]
    """The name that `--without` and reports use."""
    dimension: ClassVar[Dimension]
    """Which of the paper's dimensions it serves."""
    source: ClassVar[str]
    """Where the rule and its default constants come from."""

    def reason(self, trace: Trace, dialect: Dialect) -> str | None:
        """Return why the trace must go, None to keep it. Never changes the trace."""
        ...
