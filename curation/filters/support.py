"""The answer must be found in what was retrieved."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from ...nodes.dialects import Dialect
from ...trace import Trace
from ..transcript import read_text
from .base import Dimension

_WORD = re.compile(r"\w+")
_NUMBER = re.compile(r"\d{1,3}")


@dataclass(frozen=True)
class SupportedAnswer:
    """The words of the answer, in order, must stand in a result the model was shown.

    It removes answers given before the evidence was in. Answers that are concluded, not
    found (yes, no, a small count), are exempt.
    """

    name: ClassVar[str] = "supported_answer"
    dimension: ClassVar[Dimension] = "effectiveness"
    source: ClassVar[str] = "paper table 6 (the answer appears in the search results)"

    exempt: tuple[str, ...] = ("yes", "no", "unknown", "none")

    def reason(self, trace: Trace, dialect: Dialect) -> str | None:
        if not trace.answer:
            return None
        answer = _plain(trace.answer)
        if answer.strip() in self.exempt or _NUMBER.fullmatch(answer.strip()):
            return None
        if answer in _plain(read_text(trace)):
            return None
        return f"the answer {trace.answer!r} is in no search result"


def _plain(text: str) -> str:
    return f" {' '.join(_WORD.findall(text.casefold()))} "
