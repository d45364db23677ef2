"""Questions by how their rollouts went: accuracy over k, and rollouts to the first success.

Reinforcement learning learns from questions that are answered sometimes: the paper takes
those that 1 to 6 of 8 rollouts answer. R1-Searcher grades a question by how many rollouts
it took until one was right.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

from ..errors import DeepSearchError
from ..evals.metrics import outcome
from ..questions import Question, write_questions
from ..trace import Trace
from .filters import is_correct
from .filters.outcome import MEASURES
from .inputs import TraceInput, TraceScan, as_files, question_key, refuse_overwriting
from .scoring import Scorer, needs_score, scored

Level = Literal["easy", "medium", "hard"]

EASY_BELOW = 10
HARD_ABOVE = 20
"""Rollouts until the first right one: fewer than 10 is easy, 10 to 20 medium, more than
20 hard (R1-Searcher, arXiv 2503.05592, section on training data)."""

LEVEL, SOURCE_LEVEL = "level", "source_level"
"""Metadata of a question that is written: our level, and the one its source gave it (as
HotpotQA does)."""

REPORT_SUFFIX = ".report.json"
"""What the figures' file beside a question file is called after."""


class SelectionError(DeepSearchError):
    """The rule is none, or it leaves no question."""


@dataclass(frozen=True)
class RolloutRule:
    """Which questions stay.

    Attributes:
        least: fewest right rollouts; None leaves accuracy out of it.
        most: most right rollouts.
        of: how many rollouts count, the first ones by their index. A question with fewer
            judged rollouts is left out: its accuracy is not measured the same way.
        levels: R1-Searcher's levels that stay; empty for all. A question whose rollouts
            do not tell its level is left out when levels are asked for.
    """

    least: int | None = 1
    most: int = 6
    of: int = 8
    levels: tuple[Level, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a rule that no question could meet."""
        if self.least is not None and not 0 <= self.least <= self.most <= self.of:
            msg = (
                f"right rollouts must go from 0 to {self.of} of {self.of}, "
                f"not from {self.least} to {self.most}"
            )
            raise SelectionError(msg)
        unknown = set(self.levels) - set(get_args(Level))
        if unknown:
            msg = (
                f"no level is called {min(unknown)!r}; known: {', '.join(get_args(Level))}"
            )
            raise SelectionError(msg)


APPENDIX_D = RolloutRule()
"""What the paper trains REINFORCE++ on: 1 to 6 of 8 rollouts right (arXiv 2505.16834,
appendix D: 2,480 questions)."""


@dataclass
class QuestionRollouts:
    """A question and the verdicts on its rollouts."""

    key: str
    """What tells it from others; see `question_key`."""
    id: str
    """Its source's; two questions may share it."""
    question: str
    golds: tuple[str, ...]
    metadata: Mapping[str, Any]
    verdicts: dict[int, bool] = field(default_factory=dict)
    """Rollout index to whether it was right; unjudged rollouts are left out."""

    def ordered(self) -> list[bool]:
        """Return the verdicts in the order of the rollouts."""
        return [self.verdicts[index] for index in sorted(self.verdicts)]

    @property
    def first_right(self) -> int | None:
        """How many rollouts it took until one was right, None when none was."""
        verdicts = self.ordered()
        return verdicts.index(True) + 1 if True in verdicts else None

    @property
    def level(self) -> Level | None:
        """R1-Searcher's level, None when there are too few rollouts to tell."""
        return difficulty_level(self.first_right, len(self.verdicts))

    def to_question(self, of: int) -> Question:
        """Return the question with what its rollouts say of it.

        A `level` that its source gave it stays as `source_level`.
        """
        counted = self.ordered()[:of]
        facts = {
            "rollouts": len(counted),
            "right": sum(counted),
            "accuracy": sum(counted) / len(counted) if counted else None,
            "first_right": self.first_right,
            LEVEL: self.level,
        }
        own = dict(self.metadata)
        if LEVEL in own and not facts.keys() <= own.keys():  # else an earlier selection's
            own[SOURCE_LEVEL] = own[LEVEL]
        return Question(self.id, self.question, self.golds, {**own, **facts})


def difficulty_level(first_right: int | None, rollouts: int) -> Level | None:
    """Return R1-Searcher's level of a question.

    Args:
        first_right: number of the first right rollout, from 1; None when none was right.
        rollouts: how many there were.

    >>> difficulty_level(3, 8), difficulty_level(15, 24), difficulty_level(None, 21)
    ('easy', 'medium', 'hard')
    >>> difficulty_level(None, 8) is None  # the ninth might have been right
    True
    """
    if first_right is None:
        return "hard" if rollouts >= HARD_ABOVE else None
    if first_right < EASY_BELOW:
        return "easy"
    return "medium" if first_right <= HARD_ABOVE else "hard"


@dataclass
class RolloutSelection:
    """What a selection found."""

    rule: RolloutRule
    output: Path
    questions: int = 0
    kept: int = 0
    too_few_rollouts: int = 0
    unjudged: int = 0
    """Rollouts with no gold answer and no verdict."""
    duplicates: int = 0
    """Traces that came twice; left out."""
    by_right: dict[str, int] = field(default_factory=dict)
    """Questions with enough rollouts by how many were right."""
    by_level: dict[str, int] = field(default_factory=dict)
    inputs: list[dict[str, Any]] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return {**asdict(self), "output": str(self.output)}

    def __str__(self) -> str:
        counts = ", ".join(f"{right}: {count}" for right, count in self.by_right.items())
        return (
            f"{self.kept} of {self.questions} questions kept in {self.output} "
            f"({self.too_few_rollouts} with too few rollouts; "
            f"right of {self.rule.of}: {counts or 'none'})"
        )


def rollouts_by_question(
    traces: TraceInput,
    directory: Path,
    scorer: Scorer = outcome,
    measures: Sequence[str] = MEASURES,
) -> tuple[list[QuestionRollouts], TraceScan, int]:
    """Return every question's verdicts, the scan that found them, and unjudged traces."""
    questions: dict[str, QuestionRollouts] = {}
    unjudged = 0
    with as_files(traces, directory) as files:
        scan = TraceScan(files)
        for _, trace in scan:
            key = question_key(trace)
            question = questions.get(key) or _question(key, trace)
            questions[key] = question
            judged = scored(trace, scorer) if needs_score(trace) else trace
            verdict = is_correct(judged, measures)
            if verdict is None:
                unjudged += 1
                continue
            # Files of several runs may both count from 0: none may hide another.
            index = trace.rollout
            while index in question.verdicts:
                index += 1
            question.verdicts[index] = verdict
    return list(questions.values()), scan, unjudged


def _question(key: str, trace: Trace) -> QuestionRollouts:
    return QuestionRollouts(
        key,
        trace.question_id or trace.question,
        trace.question,
        tuple(trace.golds),
        trace.metadata,
    )


def select_questions(
    traces: TraceInput,
    out: str | os.PathLike[str],
    rule: RolloutRule = APPENDIX_D,
    *,
    scorer: Scorer = outcome,
    measures: Sequence[str] = MEASURES,
) -> RolloutSelection:
    """Write the questions whose rollouts meet the rule, hardest first.

    `out` is a question file that `deepsearch rollout` and training read; each question
    also says `rollouts`, `right`, `accuracy`, `first_right` and `level`; a level of its
    source's stays as `source_level`. Of two questions with one id each gets an id of its
    own. The figures of all questions stand beside it in `<out>.report.json`.

    Args:
        traces: rollouts, as files, run directories or traces.
        out: the question file to write.
        rule: which questions stay.
        scorer: scores answers that have golds and no outcome.
        measures: entries of a trace's outcome; the first it has says whether it is right.

    Raises:
        TraceFileError: a file is absent, is `out` itself, or a line is no trace.
        SelectionError: no question meets the rule; the figures are written all the same.
    """
    target = Path(out)
    target.parent.mkdir(parents=True, exist_ok=True)
    questions, scan, unjudged = rollouts_by_question(
        traces, target.parent, scorer, measures
    )
    refuse_overwriting(target, (file["path"] for file in scan.inputs))
    enough = [q for q in questions if len(q.verdicts) >= rule.of]
    measured = Counter(sum(q.ordered()[: rule.of]) for q in enough)
    found = RolloutSelection(
        rule,
        target,
        questions=len(questions),
        too_few_rollouts=len(questions) - len(enough),
        unjudged=unjudged,
        duplicates=scan.duplicates,
        by_right={str(right): measured[right] for right in range(rule.of + 1)},
        by_level=dict(Counter(q.level or "unknown" for q in questions)),
        inputs=scan.inputs,
    )
    chosen = sorted(_meeting(questions, rule), key=lambda q: _hardest_first(q, rule.of))
    found.kept = len(chosen)
    figures = json.dumps(found.to_json(), indent=2, ensure_ascii=False)
    target.with_name(target.name + REPORT_SUFFIX).write_text(figures + "\n", "utf-8")
    if not chosen:
        raise SelectionError(_why_none(found))
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    write_questions(partial, _with_own_ids(chosen, rule.of))
    partial.replace(target)
    return found


def _with_own_ids(chosen: Sequence[QuestionRollouts], of: int) -> Iterator[Question]:
    """Yield the questions to write; those that share an id have their key for one."""
    uses = Counter(question.id for question in chosen)
    for question in chosen:
        written = question.to_question(of)
        yield written if uses[question.id] == 1 else replace(written, id=question.key)


def _meeting(
    questions: Sequence[QuestionRollouts], rule: RolloutRule
) -> Iterator[QuestionRollouts]:
    for question in questions:
        verdicts = question.ordered()[: rule.of]
        if rule.least is not None and not (
            len(verdicts) == rule.of and rule.least <= sum(verdicts) <= rule.most
        ):
            continue
        if rule.levels and question.level not in rule.levels:
            continue
        yield question


def _hardest_first(question: QuestionRollouts, of: int) -> tuple[float, float, str]:
    verdicts = question.ordered()[:of]
    accuracy = sum(verdicts) / len(verdicts) if verdicts else 0.0
    return (accuracy, -(question.first_right or float("inf")), question.key)


def _why_none(found: RolloutSelection) -> str:
    rule = found.rule
    if not found.questions:
        return "no traces in the input: run `deepsearch rollout` first"
    if rule.least is not None and found.too_few_rollouts == found.questions:
        return (
            f"no question has {rule.of} judged rollouts: run `deepsearch rollout "
            f"--rollouts {rule.of}`, or name another number with --of"
        )
    if rule.least is None:
        return f"no question is {' or '.join(rule.levels)}: levels are {found.by_level}"
    wanted = f"{rule.least} to {rule.most} of {rule.of} rollouts right"
    return f"no question has {wanted}: right rollouts of questions are {found.by_right}"
