"""Which of two runs is the better one: the paper's rule, and WebThinker's order."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol

from ..errors import DeepSearchError
from ..nodes.dialects import Dialect, dialect_of
from ..trace import Segment, Trace
from .filters import is_correct
from .filters.outcome import MEASURES
from .inputs import Place
from .presets import Preset, get_preset
from .transcript import model_text, written_turns

LENGTH_RATIO = 1.5
"""How many times longer the rejected of two equal runs must be. WebThinker asks for a
ratio above 1 and does not say which (arXiv 2504.21776); the value is ours."""

CHECKED_DIMENSIONS = ("format", "path")
"""What the paper's rule checks (arXiv 2505.16834, appendix C)."""

Role = Literal["any", "chosen", "rejected"]
"""Which side of a pair a run may be on."""


class PreferenceRuleError(DeepSearchError):
    """No rule has that name, or its constant is out of range."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """What is kept of a run between the two passes over the files."""

    place: Place
    id: str
    role: Role
    prompt: bytes
    """Digest of dialect and prompt; runs of a pair have the same."""
    text: bytes
    """Digest of what follows the prompt; runs of a pair differ."""
    right: bool
    calls: int
    """Searches, reads and other actions that a model wrote, an explorer's inside a step too."""
    length: int
    """Characters that the model wrote: comparable between tokenizers."""
    fault: str | None = None
    """Why the run fails the format and path checks, None when it passes."""


@dataclass(frozen=True)
class Preference:
    """That one run is better than another."""

    priority: int
    """The lower, the sooner the pair is taken."""
    strength: float
    """Among equal priorities, the higher the sooner."""
    reason: str


class PreferenceRule(Protocol):
    """Says which of two runs of a question is to be preferred."""

    name: ClassVar[str]
    source: ClassVar[str]

    def fault(self, trace: Trace, dialect: Dialect) -> str | None:
        """Return why a run fails the rule's checks, None when it passes."""
        ...

    def prefers(self, chosen: Candidate, rejected: Candidate) -> Preference | None:
        """Return the preference for `chosen`, None when it is not the better one."""
        ...


@dataclass(frozen=True)
class PaperRule:
    """A right run that passes the format and path checks, over one that does not.

    The paper takes the chosen run from its strong model and the rejected one from the
    model to be trained; give the two as two sets of traces for that. Its rejected runs are
    those that fail the checks (`PaperStrictRule`). Here a run that passes them and is wrong
    may be rejected too: a small model's runs are more often wrong than malformed.

    Attributes:
        preset: whose filters of the format and path dimensions are the checks.
    """

    preset: Preset

    name: ClassVar[str] = "paper"
    source: ClassVar[str] = "arXiv 2505.16834, appendix C; wrong runs rejected too: ours"

    def fault(self, trace: Trace, dialect: Dialect) -> str | None:
        filters = (*self.preset.filters, *self.preset.final_filters)
        for one in (f for f in filters if f.dimension in CHECKED_DIMENSIONS):
            if reason := one.reason(trace, dialect):
                return f"{one.name}: {reason}"
        return None

    def prefers(self, chosen: Candidate, rejected: Candidate) -> Preference | None:
        if not chosen.right or chosen.fault:
            return None
        reasons = [] if rejected.right else ["wrong answer"]
        reasons += [rejected.fault] if rejected.fault else []
        if not reasons:
            return None
        # A run that is both wrong and malformed tells the most apart.
        return Preference(1, len(reasons), "; ".join(reasons))


@dataclass(frozen=True)
class PaperStrictRule(PaperRule):
    """The paper's rule to the letter: every rejected run fails the format or path checks."""

    name: ClassVar[str] = "paper_strict"
    source: ClassVar[str] = "arXiv 2505.16834, appendix C"

    def prefers(self, chosen: Candidate, rejected: Candidate) -> Preference | None:
        return super().prefers(chosen, rejected) if rejected.fault else None


@dataclass(frozen=True)
class WebThinkerRule:
    """Right over wrong; of two right runs fewer calls; at equal calls the shorter one.

    Calls are those of the whole run: the ones an explorer made inside a search count too.

    Attributes:
        ratio: how many times longer the rejected run must be at equal calls; above 1.
    """

    ratio: float = LENGTH_RATIO

    name: ClassVar[str] = "web_thinker"
    source: ClassVar[str] = "arXiv 2504.21776, preference pairs for iterative DPO"

    def __post_init__(self) -> None:
        """Refuse a ratio by which a run could be preferred to an equal one."""
        if not 1 < self.ratio < math.inf:  # not-a-number is neither
            msg = f"the length ratio must be a number above 1, not {self.ratio}"
            raise PreferenceRuleError(msg)

    def fault(self, trace: Trace, dialect: Dialect) -> str | None:
        return None

    def prefers(self, chosen: Candidate, rejected: Candidate) -> Preference | None:
        if not chosen.right:
            return None
        if not rejected.right:
            return Preference(1, rejected.calls - chosen.calls, "right over wrong")
        if chosen.calls != rejected.calls:
            fewer = rejected.calls - chosen.calls
            reason = f"{chosen.calls} calls over {rejected.calls}"
            return Preference(2, fewer, reason) if fewer > 0 else None
        ratio = rejected.length / max(1, chosen.length)
        if ratio <= self.ratio:
            return None
        return Preference(3, ratio, f"{ratio:.1f} times shorter at equal calls")


RULES = (PaperRule.name, PaperStrictRule.name, WebThinkerRule.name)
"""Names of the rules."""


def get_rule(
    name: str, *, preset: str | Preset = "reference", ratio: float = LENGTH_RATIO
) -> PreferenceRule:
    """Return a rule by name.

    Args:
        name: one of `RULES`.
        preset: of the paper's checks.
        ratio: of WebThinker's lengths.

    Raises:
        PreferenceRuleError: there is no such rule, or the ratio is out of range.
        CurationChoiceError: there is no such preset.
    """
    if name == WebThinkerRule.name:
        return WebThinkerRule(ratio)
    for rule in (PaperRule, PaperStrictRule):
        if name == rule.name:
            return rule(get_preset(preset) if isinstance(preset, str) else preset)
    msg = f"no preference rule is called {name!r}; known: {', '.join(RULES)}"
    raise PreferenceRuleError(msg)


def to_candidate(
    trace: Trace,
    place: Place,
    role: Role,
    rule: PreferenceRule,
    digests: tuple[bytes, bytes],
    measures: Sequence[str] = MEASURES,
) -> Candidate | None:
    """Return what a rule needs of a run, None when it has no verdict or wrote nothing."""
    right = is_correct(trace, measures)
    if right is None or not written_turns(trace):
        return None
    prompt, text = digests
    return Candidate(
        place=place,
        id=trace.id,
        role=role,
        prompt=prompt,
        text=text,
        right=right,
        calls=_calls(trace),
        length=len(model_text(trace)),
        fault=rule.fault(trace, dialect_of(trace)),
    )


def _calls(trace: Trace) -> int:
    inside = (max(_written(c.segments), _answered(c.segments)) for c in trace.children)
    return _written(trace.segments) + sum(inside)


def _written(segments: Sequence[Segment]) -> int:
    return sum(s.trainable and s.kind in ("query", "call") for s in segments)


def _answered(segments: Sequence[Segment]) -> int:
    # An explorer's turn is one segment: its calls are told by what answers them.
    return sum(s.kind == "result" for s in segments)
