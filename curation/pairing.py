"""From rollouts to a file of preference pairs."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from itertools import permutations
from pathlib import Path
from typing import Any

from ..errors import DeepSearchError
from ..evals.metrics import outcome
from .inputs import (
    Place,
    TraceInput,
    TraceLookup,
    TraceScan,
    as_files,
    digest,
    question_key,
    refuse_overwriting,
)
from .pairs import PreferencePair, make_pair, prompt_text, write_pairs
from .preference import (
    LENGTH_RATIO,
    Candidate,
    Preference,
    PreferenceRule,
    Role,
    get_rule,
    to_candidate,
)
from .presets import get_preset
from .scoring import Scorer, needs_score, scored

PAIRS_FILE = "pairs.jsonl"
PAIRS_REPORT_FILE = "pairs.json"
"""Names in the output directory."""

MOST_RUNS = 64
"""Right runs of a question, and wrong ones, of each side that are compared with each other: the
first ones by their id. What is left out is reported."""


class NoPairsError(DeepSearchError):
    """No pair could be made; the report says why."""


@dataclass
class PairReport:
    """What a pairing saw and made."""

    rule: str
    source: str
    output: Path
    runs: int = 0
    unusable: int = 0
    """Runs without a verdict, or in which the model wrote nothing."""
    questions: int = 0
    paired_questions: int = 0
    pairs: int = 0
    by_priority: dict[str, int] = field(default_factory=dict)
    """Pairs by the rank of what told them apart; 1 is the strongest."""
    without_preference: int = 0
    """Questions none of whose runs is better than another by the rule."""
    different_prompts: int = 0
    """Questions without a pair whose runs were given different prompts."""
    duplicates: int = 0
    """Traces that came twice in one set; left out."""
    single_run: int = 0
    """Questions with one usable run, or with runs of one side only."""
    not_compared: int = 0
    """Usable runs beyond the first `MOST_RUNS` right or wrong ones of their question."""
    inputs: list[dict[str, Any]] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return plain data, as `pairs.json` holds it."""
        return {**asdict(self), "output": str(self.output)}

    def __str__(self) -> str:
        more = f", {self.not_compared} runs not compared" if self.not_compared else ""
        return (
            f"{self.pairs} pairs of {self.paired_questions} of {self.questions} questions in "
            f"{self.output} (rule {self.rule}; no preference {self.without_preference}, "
            f"one run {self.single_run}, different prompts {self.different_prompts}{more})"
        )


def make_pairs(
    traces: TraceInput,
    out: str | os.PathLike[str],
    *,
    rule: str | PreferenceRule = "web_thinker",
    against: TraceInput | None = None,
    per_question: int = 1,
    preset: str = "reference",
    ratio: float = LENGTH_RATIO,
    scorer: Scorer = outcome,
    measures: Sequence[str] = (),
) -> PairReport:
    """Write preference pairs of runs of the same question.

    `out` gets `pairs.jsonl`, replaced in one step, and `pairs.json` with the counts. Each
    run is in one pair of its question at most. Runs stay as they are: no answer form is
    corrected, since the form is part of what is preferred.

    Args:
        traces: runs to choose from; the rejected ones too unless `against` is given.
        out: the directory to write to.
        rule: `paper`, `paper_strict`, `web_thinker`, or a rule of one's own.
        against: runs of which the rejected ones are taken, for instance the rollouts of
            the model to be trained.
        per_question: most pairs of a question.
        preset: whose format and path filters the paper's rules check.
        ratio: of WebThinker's lengths.
        scorer: scores answers that have golds and no outcome.
        measures: entries of a run's outcome; the first it has says whether it is right.
            None given: the preset's.

    Raises:
        TraceFileError: a file is absent, is `pairs.jsonl` of `out` itself, or a line is no
            trace.
        PreferenceRuleError: there is no such rule.
        NoPairsError: no pair was found; `pairs.json` is written all the same.
    """
    chosen_rule = (
        get_rule(rule, preset=preset, ratio=ratio) if isinstance(rule, str) else rule
    )
    asked = tuple(measures) or get_preset(preset).measures
    directory = Path(out)
    directory.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        files = list(stack.enter_context(as_files(traces, directory)))
        own = len(files)
        if against is not None:
            files += stack.enter_context(as_files(against, directory))
        refuse_overwriting(directory / PAIRS_FILE, files)
        roles: list[Role] = [
            _role(number < own, against is not None) for number in range(len(files))
        ]
        work = _Pairing(files, roles, chosen_rule, per_question, scorer, asked)
        return work.run(directory)


def _role(is_own: bool, has_others: bool) -> Role:
    if not has_others:
        return "any"
    return "chosen" if is_own else "rejected"


class _Pairing:
    """One pairing under way."""

    def __init__(
        self,
        files: Sequence[Path],
        roles: Sequence[Role],
        rule: PreferenceRule,
        per_question: int,
        scorer: Scorer,
        measures: Sequence[str],
    ) -> None:
        self._files = files
        self._roles = roles
        self._rule = rule
        self._per_question = per_question
        self._scorer = scorer
        self._measures = measures
        self._questions: dict[str, list[Candidate]] = {}

    def run(self, directory: Path) -> PairReport:
        report = PairReport(self._rule.name, self._rule.source, directory / PAIRS_FILE)
        self._scan(report)
        found = [
            (chosen, rejected, preference)
            for key in sorted(self._questions)
            for chosen, rejected, preference in self._best(self._questions[key], report)
        ]
        report.questions = len(self._questions)
        ranks = Counter(str(preference.priority) for _, _, preference in found)
        report.by_priority = dict(sorted(ranks.items()))
        report.pairs = len(found)
        text = json.dumps(report.to_json(), indent=2, ensure_ascii=False)
        (directory / PAIRS_REPORT_FILE).write_text(text + "\n", encoding="utf-8")
        if not found:
            raise NoPairsError(_why_none(report))
        write_pairs(report.output, self._records(found))
        return report

    def _scan(self, report: PairReport) -> None:
        # A trace may stand in both sets, once for each side: sides are scanned apart.
        for role in dict.fromkeys(self._roles):
            numbers = [i for i, own in enumerate(self._roles) if own == role]
            scan = TraceScan([self._files[i] for i in numbers])
            for found_at, trace in scan:
                report.runs += 1
                place = Place(numbers[found_at.file], found_at.offset)
                judged = scored(trace, self._scorer) if needs_score(trace) else trace
                digests = digest(prompt_text(trace)), digest(trace.output_text)
                candidate = to_candidate(
                    judged, place, role, self._rule, digests, self._measures
                )
                runs = self._questions.setdefault(question_key(trace), [])
                if candidate is None:
                    report.unusable += 1
                else:
                    runs.append(candidate)
            report.duplicates += scan.duplicates
            report.inputs += scan.inputs

    def _best(
        self, runs: list[Candidate], report: PairReport
    ) -> list[tuple[Candidate, Candidate, Preference]]:
        compared = _first(sorted(runs, key=lambda run: (run.role, run.id)))
        report.not_compared += len(runs) - len(compared)
        sides = [
            (a, b)
            for a, b in permutations(compared, 2)
            if a.role != "rejected" and b.role != "chosen"
        ]
        same = [(a, b) for a, b in sides if a.prompt == b.prompt]
        ranked = sorted(
            (
                (-preference.strength, a, b, preference)
                for a, b in same
                if a.text != b.text and (preference := self._rule.prefers(a, b))
            ),
            key=lambda entry: (entry[3].priority, entry[0], entry[1].id, entry[2].id),
        )
        # Runs of two directories may share an id, and one run may stand in both sets.
        taken: set[tuple[str, bytes]] = set()
        best: list[tuple[Candidate, Candidate, Preference]] = []
        for _, a, b, preference in ranked:
            own = {(a.id, a.text), (b.id, b.text)}
            if len(best) < self._per_question and not own & taken:
                taken |= own
                best.append((a, b, preference))
        report.paired_questions += bool(best)
        if not best:
            report.single_run += not sides
            report.different_prompts += bool(sides) and not same
            report.without_preference += bool(same)
        return best

    def _records(
        self, found: Sequence[tuple[Candidate, Candidate, Preference]]
    ) -> Iterator[PreferencePair]:
        with TraceLookup(self._files) as traces:
            for chosen, rejected, preference in found:
                runs = [traces.get(run.place) for run in (chosen, rejected)]
                better, worse = (
                    scored(run, self._scorer) if needs_score(run) else run for run in runs
                )
                yield make_pair(
                    better, worse, rule=self._rule.name, reason=preference.reason
                )


def _first(runs: Sequence[Candidate]) -> list[Candidate]:
    """Return a bounded number of right and of wrong runs of each side, in their order."""
    seen: Counter[tuple[Role, bool]] = Counter()
    first = []
    for run in runs:
        seen[run.role, run.right] += 1
        if seen[run.role, run.right] <= MOST_RUNS:
            first.append(run)
    return first


def _why_none(report: PairReport) -> str:
    if not report.runs:
        return "no traces in the input: run `deepsearch rollout` first"
    if report.unusable == report.runs:
        return "no run has a gold answer or a verdict: pairs need right and wrong runs"
    return (
        f"no pair in {report.runs} runs of {report.questions} questions: "
        f"{report.without_preference} questions without a preference by rule "
        f"{report.rule!r}, {report.single_run} with one run, {report.different_prompts} "
        "with different prompts; roll out more often, or take another --rule"
    )
