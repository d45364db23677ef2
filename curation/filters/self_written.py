"""Search results that the model wrote itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ...nodes.dialects import Dialect
from ...trace import Trace
from ..transcript import model_text, result_tags
from .base import Dimension


@dataclass(frozen=True)
class NoSelfWrittenResults:
    """The model's text must not hold a result tag: it would be a made-up finding."""

    name: ClassVar[str] = "self_written_results"
    dimension: ClassVar[Dimension] = "format"
    source: ClassVar[str] = (
        "SimpleDeepSearcher response_curation.py:241-297; paper appendix D"
    )

    def reason(self, trace: Trace, dialect: Dialect) -> str | None:
        text = model_text(trace)
        for tag in result_tags(dialect):
            if tag in text:
                return f"the model wrote {tag} itself"
        return None
