"""Steps between wrong and right by form and retrieval: Search-R1 v0.3."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...curation.transcript import read_text
from ...evals.metrics import normalize
from ...trace import Trace
from .base import Parts

STRUCTURE_SCORE = 0.2
"""A valid form, and what an invalid one costs a right answer (qa_em_format.py:154-197)."""

FINAL_SCORE = 0.1
"""An answer that is there but wrong, in an invalid form (the same)."""

RETRIEVAL_SCORE = 0.1
"""A gold answer among the results, in a valid form (the README's setting; unverified)."""


@dataclass(frozen=True)
class GradedFormat:
    """1 right and valid; 0.8 right, invalid; 0.2 valid; 0.1 wrong and invalid; else 0."""

    structure: float = STRUCTURE_SCORE
    final: float = FINAL_SCORE
    retrieval: float = RETRIEVAL_SCORE

    def __call__(self, answer: float, problems: Sequence[str], trace: Trace) -> Parts:
        if answer:
            cost = -self.structure if problems else 0.0
            return Parts(answer=answer, format=cost)
        if not problems:
            found = self.retrieval if gold_was_retrieved(trace) else 0.0
            return Parts(format=self.structure, shaping=found)
        return Parts(format=self.final if trace.answer else 0.0)


def gold_was_retrieved(trace: Trace) -> bool:
    """Tell whether a gold answer stands in the results the model was shown."""
    shown = normalize(read_text(trace))
    golds = (normalize(gold) for gold in trace.golds)
    return any(gold and gold in shown for gold in golds)
