"""Presets: named sets of filters with their constants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from ..errors import DeepSearchError
from .correction import Correction
from .difficulty import Difficulty
from .filters import (
    AdmittedGuess,
    Alternatively,
    AlternativelyTotal,
    AnswerAfterThought,
    Correct,
    DistinctDocuments,
    ExactMatch,
    Filter,
    FirstReasonLength,
    GroundedQuery,
    Hmm,
    LongestReasonLength,
    MixedLanguage,
    NoRepeatedQuery,
    NoSelfWrittenResults,
    RepeatedTrigrams,
    SupportedAnswer,
    ThinkingTags,
    TotalLength,
    TurnShape,
    Wait,
    WellFormedMarkers,
)
from .filters.language import SCRIPTS
from .selection import Selection

STEPS = ("correction", "difficulty", "selection")
"""Steps that are no filters and can be left out by name as well."""

DIMENSIONS = ("format", "path", "difficulty", "effectiveness", "outcome")


class CurationChoiceError(DeepSearchError):
    """No preset, filter or dimension has that name."""


@dataclass(frozen=True)
class Preset:
    """What a curation does, in order: correct, filter, difficulty, select, filter again."""

    name: str
    filters: tuple[Filter, ...]
    """Asked in order; the first that objects removes a trace."""
    final_filters: tuple[Filter, ...] = ()
    """Asked of the selected runs only, with no second choice, as the reference does."""
    correction: Correction | None = field(default_factory=Correction)
    difficulty: Difficulty | None = field(default_factory=Difficulty)
    selection: Selection = field(default_factory=Selection)

    def without(self, names: Sequence[str]) -> Preset:
        """Return the preset less what is named: filters, steps, or whole dimensions.

        Without `difficulty` no question is dropped; without `selection` every valid run
        stays; without `effectiveness` a question's first valid run stays.

        Raises:
            CurationChoiceError: nothing has that name; the message lists the names.
        """
        preset = self
        for name in names:
            preset = preset._without_one(name, known=self.names())
        return preset

    def names(self) -> list[str]:
        """Return the names that `without` takes."""
        filters = (f.name for f in (*self.filters, *self.final_filters))
        return list(dict.fromkeys((*filters, *STEPS, *DIMENSIONS)))

    def constants(self) -> dict[str, Any]:
        """Return every step with its constants, as plain data."""
        return {
            "name": self.name,
            "correction": _constants(self.correction),
            "filters": {f.name: _constants(f) for f in self.filters},
            "difficulty": _constants(self.difficulty),
            "selection": _constants(self.selection),
            "final_filters": {f.name: _constants(f) for f in self.final_filters},
        }

    def _without_one(self, name: str, known: Sequence[str]) -> Preset:
        if name not in known:
            msg = f"no filter is called {name!r}; known: {', '.join(known)}"
            raise CurationChoiceError(msg)
        changes: dict[str, Any] = {
            "filters": _others(self.filters, name),
            "final_filters": _others(self.final_filters, name),
        }
        if name in ("correction", "difficulty"):
            changes[name] = None
        elif name == "format":
            changes["correction"] = None
        elif name == "selection":
            changes["selection"] = replace(self.selection, keep_per_question=None)
        elif name == "effectiveness":
            changes["selection"] = replace(self.selection, fewest_searches=False)
        return replace(self, **changes)


def _others(filters: Sequence[Filter], name: str) -> tuple[Filter, ...]:
    return tuple(f for f in filters if name not in (f.name, f.dimension))


def _constants(step: Any) -> dict[str, Any] | None:
    return None if step is None else {f.name: getattr(step, f.name) for f in fields(step)}


REFERENCE = Preset(
    name="reference",
    filters=(
        WellFormedMarkers(),
        ThinkingTags(),
        Correct(),
        NoSelfWrittenResults(),
        TurnShape(thinking="required"),
        FirstReasonLength(),
        LongestReasonLength(),
        Alternatively(),
        Hmm(),
        Wait(),
        RepeatedTrigrams(),
        DistinctDocuments(),
    ),
    final_filters=(
        AnswerAfterThought(),
        AlternativelyTotal(),
        MixedLanguage(),
        ExactMatch(),
        TotalLength(),
    ),
    correction=Correction(cut_after=True, cut_before=True),
)
"""SimpleDeepSearcher's rules, constants and order (response_curation.py:413-423, then
format_filter.py on what was selected)."""

DESK = Preset(
    name="desk",
    filters=(
        WellFormedMarkers(),
        ThinkingTags(),
        NoSelfWrittenResults(),
        TurnShape(thinking="optional"),
        AnswerAfterThought(),
        MixedLanguage(scripts=tuple(SCRIPTS), allows_question_script=True),
        Correct(),
        ExactMatch(),
        FirstReasonLength(words=120),
        LongestReasonLength(words=120),
        Alternatively(limit=0),
        Hmm(limit=0),
        Wait(limit=0),
        AdmittedGuess(),
        RepeatedTrigrams(),
        TotalLength(words=1500),
        NoRepeatedQuery(),
        GroundedQuery(),
        SupportedAnswer(),
        DistinctDocuments(ratio=0.3),
    ),
    difficulty=Difficulty(min_rollouts=4),
)
"""For a small model and short paths: every filter before the selection, so that another
run of the question can take a removed one's place; no hedging at all; half the documents
or more may recur, since the hops of a small world share pages; difficulty only where four
rollouts or more measure it (a teacher's two do not)."""

PRESETS = {preset.name: preset for preset in (REFERENCE, DESK)}


def get_preset(name: str) -> Preset:
    """Return a preset by name.

    Raises:
        CurationChoiceError: there is none; the message lists the names.
    """
    if name not in PRESETS:
        msg = f"no curation preset is called {name!r}; known: {', '.join(PRESETS)}"
        raise CurationChoiceError(msg)
    return PRESETS[name]
