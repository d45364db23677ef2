"""Search effectiveness: of a question's valid runs, those with the fewest searches."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from .inputs import Place

NO_CORRECT_RUN = 100
"""Fewest searches of a question without a correct run (response_curation.py:432-436)."""


@dataclass(frozen=True, slots=True)
class RunKey:
    """What is kept of a trace between the two passes over the files."""

    place: Place
    id: str
    rollout: int
    searches: int
    distinct: int
    """Distinct documents of all its searches."""
    words: int
    reflections: int = 0
    """Words of rethinking; counted only where the selection asks for them."""
    late_reason: tuple[int, str] | None = None
    """Which final filter removes it, and why."""


@dataclass(slots=True)
class QuestionRuns:
    """A question's runs so far."""

    name: str
    """Its id, else its text; two questions may share it."""
    runs: int = 0
    judged: int = 0
    correct: int = 0
    fewest_searches: int = NO_CORRECT_RUN
    """Among correct runs."""
    valid: list[RunKey] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        """Share of correct runs; 1 when none is judged, so that such come last."""
        return self.correct / self.judged if self.judged else 1.0


@dataclass(frozen=True)
class Selection:
    """Which valid runs of a question stay, and in what order questions come.

    Attributes:
        keep_per_question: how many runs of a question stay.
        max_records: cut of the whole, hardest questions first; None for no cut.
        fewest_searches: order runs by searches, then more distinct documents; off takes
            them as they were rolled out.
        fewest_words: of runs that are alike in that, take the shortest; a rule of path
            control, ours: the reference takes the first.
    """

    name: ClassVar[str] = "selection"
    source: ClassVar[str] = (
        "paper section 2.3; SimpleDeepSearcher response_curation.py:432-450, 505-511"
    )

    keep_per_question: int | None = 1
    max_records: int | None = None
    fewest_searches: bool = True
    fewest_words: bool = True
    most_reflection: bool = False

    def best(self, question: QuestionRuns) -> list[RunKey]:
        """Return the runs of a question that stay, best first."""
        return sorted(question.valid, key=self._order)[: self.keep_per_question]

    def _order(self, run: RunKey) -> tuple[int | str, ...]:
        reflections = -run.reflections if self.most_reflection else 0
        if not self.fewest_searches:
            return (reflections, run.rollout, run.id)
        words = run.words if self.fewest_words else run.rollout
        return (run.searches, reflections, -run.distinct, words, run.id)


def question_order(question: QuestionRuns) -> tuple[float, int, str]:
    """Sort key of questions: hardest first, then most searches needed."""
    return (question.ratio, -question.fewest_searches, question.name)
