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
    CitedSources,
    Correct,
    DegenerateRepetition,
    DistinctDocuments,
    ExactMatch,
    Filter,
    FirstReasonLength,
    ForeignLanguage,
    GroundedQuery,
    Hmm,
    LongestReasonLength,
    MixedLanguage,
    NewDocuments,
    NoRepeatedQuery,
    NoSelfWrittenResults,
    QueryNovelty,
    Reflects,
    RepeatedTrigrams,
    SourceDiversity,
    SupportedAnswer,
    ThinkingTags,
    TotalLength,
    TurnShape,
    Wait,
    WellFormedMarkers,
)
from .filters.language import SCRIPTS
from .filters.outcome import MEASURES, asked_first
from .selection import Selection

STEPS = ("correction", "difficulty", "selection")
"""Steps that are no filters and can be left out by name as well."""

DIMENSIONS = ("format", "path", "difficulty", "effectiveness", "outcome")

PAPERS_NAMES = {"path_control": "path", "search_effectiveness": "effectiveness"}
"""The paper's names of dimensions (section 2.3 and Table 3) that are longer than ours."""


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

        The dimensions are the paper's response ablations (Table 3): `format`, `path` (or
        `path_control`), `difficulty`, `effectiveness` (or `search_effectiveness`); blanks
        and hyphens may stand for underscores.

        Without `difficulty` no question is dropped; without `selection` every valid run
        stays; without `effectiveness` a question's first valid run stays, the most
        reflective where the preset asks for that; without `path` short runs are not
        preferred to long ones.

        Raises:
            CurationChoiceError: nothing has that name; the message lists the names.
        """
        preset = self
        for name in names:
            plain = "_".join(name.lower().replace("-", " ").split())
            plain = PAPERS_NAMES.get(plain, plain)
            preset = preset._without_one(plain, known=self.names())
        return preset

    def asking_first(self, measure: str) -> Preset:
        """Return the preset with a measure before the others that say what is right."""
        filters = tuple(
            replace(f, measures=asked_first(measure, f.measures))
            if isinstance(f, Correct)
            else f
            for f in self.filters
        )
        return replace(self, filters=filters)

    @property
    def measures(self) -> tuple[str, ...]:
        """Return the measures that say whether an answer is right, in their order."""
        correct = (f for f in self.filters if isinstance(f, Correct))
        return next((f.measures for f in correct), MEASURES)

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
        elif name == "path":
            changes["selection"] = replace(self.selection, fewest_words=False)
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
        FirstReasonLength(by_spaces=True),
        LongestReasonLength(by_spaces=True),
        Alternatively(),
        Hmm(),
        Wait(),
        RepeatedTrigrams(by_spaces=True),
        DistinctDocuments(),
    ),
    final_filters=(
        AnswerAfterThought(),
        AlternativelyTotal(),
        MixedLanguage(),
        ExactMatch(),
        TotalLength(by_spaces=True),
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

_FIELD_FORMAT = (
    WellFormedMarkers(),
    ThinkingTags(),
    NoSelfWrittenResults(),
    TurnShape(thinking="optional"),
    AnswerAfterThought(),
    MixedLanguage(scripts=tuple(SCRIPTS), allows_question_script=True, limit=20),
    Correct(),
    ExactMatch(),
)
"""Form and outcome in the presets below. A few letters of another script are a name that the
model quotes; a sentence of them is the language filter's."""

_FIELD_EFFECTIVENESS = (
    DistinctDocuments(ratio=0.0),
    NoRepeatedQuery(),
    QueryNovelty(),
    NewDocuments(),
    SourceDiversity(),
    CitedSources(),
    SupportedAnswer(share=0.8, where="retrieved_or_shown"),
)
"""Search effectiveness in the presets below: what the field has shown worth having. The first
asks for a search that found something, as the reference does: a yes or a small count needs
no support, and fewest searches would prefer the run that never looked."""

_LAST = (ForeignLanguage(),)
"""The slowest filter, for what no other one removes."""

DIRECT = Preset(
    name="direct",
    filters=(
        *_FIELD_FORMAT,
        FirstReasonLength(words=200),
        LongestReasonLength(words=200),
        Alternatively(limit=1),
        Hmm(limit=1),
        Wait(limit=1),
        AdmittedGuess(),
        RepeatedTrigrams(),
        DegenerateRepetition(),
        TotalLength(words=3000),
        *_FIELD_EFFECTIVENESS,
        *_LAST,
    ),
    difficulty=Difficulty(min_rollouts=4),
)
"""Short paths and few reflections, after the authors' set of 0.5k samples. They give no
constants for it; these are ours: two thirds of the reference's lengths, one word of each kind
of rethinking a turn."""

REFLECTIVE = Preset(
    name="reflective",
    filters=(
        *_FIELD_FORMAT,
        FirstReasonLength(words=600),
        LongestReasonLength(words=600),
        Alternatively(limit=8),
        Hmm(limit=8),
        Wait(limit=8),
        Reflects(),
        RepeatedTrigrams(),
        DegenerateRepetition(),
        TotalLength(words=6000),
        *_FIELD_EFFECTIVENESS,
        *_LAST,
    ),
    difficulty=Difficulty(min_rollouts=4),
    selection=Selection(most_reflection=True),
)
"""Richer reflection and rethinking, after the authors' set of 0.8k samples. They give no
constants for it; these are ours: twice the reference's lengths, as much rethinking as QwQ-32B
shows before training (Table 5: 7.9 times "alternatively" a run), at least one word of it, and
of runs with equal searches the one that rethinks most."""

R1_SEARCHER = Preset(
    name="r1_searcher",
    filters=(
        WellFormedMarkers(),
        ThinkingTags(limit=1),
        NoSelfWrittenResults(),
        TurnShape(),
        AnswerAfterThought(),
        MixedLanguage(),
        Correct(measures=("judge", *MEASURES)),
        FirstReasonLength(words=125),
        LongestReasonLength(words=140),
        RepeatedTrigrams(),
        DegenerateRepetition(),
        TotalLength(words=2500),
        NoRepeatedQuery(),
        SupportedAnswer(share=0.8),
        DistinctDocuments(ratio=0.6),
    ),
    difficulty=Difficulty(min_rollouts=4),
)
"""For R1-Searcher's released rollouts: its own judge's verdict first, as its headline figure
is; lengths at the 95th percentile of the 500 of the 7B model (first turn 122 words, longest
134); three fifths of the five documents a search must be new, where its hops share pages."""

_VALID_AND_RIGHT = (
    WellFormedMarkers(),
    NoSelfWrittenResults(),
    TurnShape(),
    Correct(measures=("judge", *MEASURES)),
    RepeatedTrigrams(),
    DegenerateRepetition(),
    NoRepeatedQuery(),
)
"""A valid form, the right answer (a judge's word first), no repetition; the limits of repetition
are SimpleDeepSearcher's and ours."""

R1_SEARCHER_PLUS = Preset(
    name="r1_searcher_plus",
    filters=_VALID_AND_RIGHT,
    difficulty=None,
)
"""R1-Searcher++'s rejection sampling for its cold start (secondary, no code): right runs of a
valid form. Nothing asks for a search or for an answer that stands in a result: a run that
answers from the model's own knowledge is what the system is to learn, and of a question's
right runs the one with the fewest searches stays."""

WEB_DANCER = Preset(
    name="web_dancer",
    filters=(
        WellFormedMarkers(),
        TurnShape(),
        Correct(),
        FirstReasonLength(words=800),
        LongestReasonLength(words=900),
        Alternatively(limit=8),
        Hmm(limit=3),
        Wait(limit=8),
        RepeatedTrigrams(),
        DegenerateRepetition(),
        TotalLength(words=4000),
        NoRepeatedQuery(),
        DistinctDocuments(ratio=0.5),
    ),
    difficulty=Difficulty(min_rollouts=4),
)
"""For WebDancer's trajectories: long thoughts with much rethinking (95th percentile of the
199: 767 words first, 833 longest, 8 of `alternatively` and of `wait`), answers in prose, so
that the gold answer must stand in them and need not be all."""

WEB_DANCER_FUNNEL = Preset(
    name="web_dancer_funnel",
    filters=_VALID_AND_RIGHT,
    correction=Correction(turn_form=True),
    difficulty=None,
    selection=Selection(keep_per_question=None),
)
"""WebDancer's funnel for runs of its own sampling, short thoughts or long (paper text, no
code): validity of the form (the first three), correctness by a judge where there is a verdict,
quality by repeated n-grams and queries. Every valid run stays. The paper's model-judged part
of quality (goal alignment, soundness of the reasoning) has no machine check and is left out."""

O2_SEARCHER = Preset(
    name="o2_searcher",
    filters=(
        WellFormedMarkers(),
        TurnShape(),
        FirstReasonLength(words=150),
        LongestReasonLength(words=500),
        RepeatedTrigrams(),
        DegenerateRepetition(),
        TotalLength(words=5000),
        NoRepeatedQuery(),
    ),
    difficulty=None,
)
"""For O2-Searcher's dialogues: they come without gold answers, so nothing asks whether an
answer is right; the last turn of an open question is a list of findings (95th percentile of
the 180: 458 words); what their searches found is not told apart."""

KNOW_AGENT = Preset(
    name="know_agent",
    filters=(
        TurnShape(thinking="optional"),
        Correct(),
        ExactMatch(),
        FirstReasonLength(words=60),
        LongestReasonLength(words=75),
        RepeatedTrigrams(),
        DegenerateRepetition(),
        NoRepeatedQuery(),
    ),
    difficulty=Difficulty(min_rollouts=4),
)
"""For KnowAgent's rollouts: its authors keep those whose answer equals the gold one; lengths
at the 95th percentile of the 500 (57 words first, 73 longest)."""

PRESETS = {
    preset.name: preset
    for preset in (
        *(REFERENCE, DESK, DIRECT, REFLECTIVE),
        *(
            R1_SEARCHER,
            R1_SEARCHER_PLUS,
            WEB_DANCER,
            WEB_DANCER_FUNNEL,
            O2_SEARCHER,
            KNOW_AGENT,
        ),
    )
}


def get_preset(name: str) -> Preset:
    """Return a preset by name.

    Raises:
        CurationChoiceError: there is none; the message lists the names.
    """
    if name not in PRESETS:
        msg = f"no curation preset is called {name!r}; known: {', '.join(PRESETS)}"
        raise CurationChoiceError(msg)
    return PRESETS[name]
