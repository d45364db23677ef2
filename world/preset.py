"""What a world is made of: sizes, shares and hazard rates, with named presets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..errors import DeepSearchError

MIN_PAGES = 200
MAX_PAGES = 100_000
"""Sizes a world can have, in documents."""

DEFAULT_PORT = 8765
"""Port written into the corpus's addresses unless a base URL is given."""

EVIDENCE_CHARS = 100
"""Evidence a small model is shown of a page (`Context.evidence_chars`): mostly one sentence.
Of 544 searches of 200 traces 99.8 % had the fact asked for in it, be it 80 characters long or
200, and in a longer one a small model reads the fact next to it."""

UNKNOWN = "unknown"
"""The answer of a question whose last fact no page states."""


class WorldError(DeepSearchError):
    """A world cannot be built or read as asked."""


@dataclass(frozen=True)
class Hazards:
    """How often the web is unpleasant, as shares of all documents unless said otherwise."""

    stale: float = 0.04
    """Archived copies that state an outdated or wrong value, dated."""
    trap: float = 0.02
    """Pages that carry control tags of dialects or instructions to the model."""
    dead: float = 0.02
    """Documents that the index still knows and whose page is gone (404)."""
    huge: float = 0.001
    """Very long pages; at least one."""
    redirect: float = 0.05
    """Share of pages whose indexed address redirects to the page."""
    slow: float = 0.02
    """Share of pages that are sent late."""
    namesake: float = 0.04
    """Share of people and films that bear another one's name."""
    near_duplicate: float = 0.04
    """Share of films whose title differs from another's by a word or a letter."""
    slow_seconds: float = 1.5
    """How late a slow page is, in seconds."""
    huge_words: int = 20_000
    """Words of a huge page, about."""


@dataclass(frozen=True)
class WorldPreset:
    """Everything that shapes a world besides its seed."""

    pages: int = 1500
    """Documents of the corpus, hazards included."""
    train_questions: int | None = None
    """None: 400 per 1,500 pages, at most 400."""
    test_questions: int | None = None
    """None: 150 per 1,500 pages, at most 150."""
    kinds: Mapping[str, float] = field(
        default_factory=lambda: {
            "compositional": 0.47,
            "comparison": 0.13,
            "bridge_comparison": 0.08,
            "inference": 0.12,
            "counting": 0.06,
            "yes_no": 0.09,
            "unanswerable": 0.05,
        }
    )
    """Share of each kind of question."""
    train_kinds: Mapping[str, float] | None = None
    """Shares among the train questions; None: as among all. A kind that is rare in the test
    may need as many examples to be learned as a frequent one."""
    hops: Mapping[int, float] = field(default_factory=lambda: {2: 0.65, 3: 0.25, 4: 0.10})
    """Share of chain lengths among compositional questions."""
    train_hops: Mapping[int, float] | None = None
    """Shares among the train questions; None: as among all."""
    relations: tuple[str, ...] | None = None
    """Relations that questions ask for; None: all. Pages state all of them either way."""
    hazards: Hazards = Hazards()

    def shares(self, split: str) -> Mapping[str, float]:
        """Return the share of each kind of question in a split."""
        return self.train_kinds if split == "train" and self.train_kinds else self.kinds

    def hop_shares(self, split: str) -> Mapping[int, float]:
        """Return the share of each chain length in a split."""
        return self.train_hops if split == "train" and self.train_hops else self.hops

    def question_counts(self) -> tuple[int, int]:
        """Return how many train and test questions are wanted."""
        scale = min(1.0, self.pages / 1500)
        train = round(400 * scale) if self.train_questions is None else self.train_questions
        test = round(150 * scale) if self.test_questions is None else self.test_questions
        return train, test

    def check(self) -> None:
        """Refuse what cannot be built.

        Raises:
            WorldError: a size or a rate out of range.
        """
        if not MIN_PAGES <= self.pages <= MAX_PAGES:
            msg = f"pages must be {MIN_PAGES} to {MAX_PAGES}, not {self.pages}"
            raise WorldError(msg)
        if min(self.question_counts()) < 0:
            msg = "the numbers of questions must not be negative"
            raise WorldError(msg)
        rates = self.hazards
        extra = rates.stale + rates.trap + rates.dead + rates.huge
        if min(rates.stale, rates.trap, rates.dead, rates.huge) < 0 or extra > 0.5:
            msg = "hazard rates must not be negative and may fill at most half the pages"
            raise WorldError(msg)


CORE_RELATIONS = tuple(
    """birth_year birthplace country director father film_year films_directed founder
    founding_year headquarters lead mayor mother producer spouse""".split()
)
"""What the desk preset asks for: as much as some 100k tokens can teach a small model."""

PRESETS: dict[str, WorldPreset] = {
    "tiny": WorldPreset(pages=300),
    "desk": WorldPreset(
        kinds={
            "compositional": 0.56,
            "comparison": 0.12,
            "bridge_comparison": 0.05,
            "inference": 0.13,
            "counting": 0.04,
            "yes_no": 0.06,
            "unanswerable": 0.04,
        },
        train_kinds={
            "compositional": 0.48,
            "comparison": 0.13,
            "bridge_comparison": 0.08,
            "inference": 0.13,
            "counting": 0.05,
            "yes_no": 0.10,
            # With a tenth, a small model called answerable questions unknown.
            "unanswerable": 0.03,
        },
        hops={2: 0.7, 3: 0.24, 4: 0.06},
        train_hops={2: 0.5, 3: 0.42, 4: 0.08},
        relations=CORE_RELATIONS,
    ),
    "full": WorldPreset(),
    "large": WorldPreset(pages=20_000, train_questions=2000, test_questions=500),
}
"""Worlds by name. desk: what `deepsearch loop --preset desk` trains on. full: the same pages,
questions over every relation."""
