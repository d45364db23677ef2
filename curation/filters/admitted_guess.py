"""Answers that the model itself says it has not looked up."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from ...nodes.dialects import Dialect
from ...trace import Trace
from ..transcript import model_text
from .base import Dimension

PHRASES = (
    "i think i know",
    "i have not looked",
    "i haven't looked",
    "my best guess",
    "i will guess",
    "i'll guess",
    "i am guessing",
    "i'm guessing",
    "without searching further",
)
"""Lower case, whole words."""


@dataclass(frozen=True)
class AdmittedGuess:
    """The model must not say that it answers before the evidence.

    A lucky guess is right and takes fewer searches, so the selection by fewest searches
    would prefer it; a yes, a no or an "unknown" cannot be checked against the results.
    """

    phrases: tuple[str, ...] = PHRASES

    name: ClassVar[str] = "admitted_guess"
    dimension: ClassVar[Dimension] = "path"
    source: ClassVar[str] = "ours: what selection by fewest searches would otherwise prefer"

    def reason(self, trace: Trace, dialect: Dialect) -> str | None:
        text = " ".join(model_text(trace).lower().replace("\u2019", "'").split())
        for phrase in self.phrases:
            if re.search(rf"\b{re.escape(phrase)}\b", text):
                return f"the model says {phrase!r}"
        return None
