"""Curation: from a heap of traces to those worth training on.

Two passes over the files: the first judges every trace and keeps a few numbers of the
valid ones, the second copies the selected lines. Memory does not grow with the length of
the traces.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..errors import DeepSearchError
from ..evals.metrics import outcome
from ..nodes.dialects import dialect_of
from ..trace import Trace, write_traces
from .correction import correct_answer_form
from .difficulty import histogram
from .filters import Correct, Filter, count_reflections, is_correct
from .filters.outcome import asked_first
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
from .page import EMPTY_PAGE_FILE, write_page
from .presets import Preset, get_preset
from .report import CurationReport, FilterCount
from .scoring import Scorer, needs_score, scored
from .selection import QuestionRuns, RunKey, question_order
from .transcript import distinct_documents, model_text
from .verdicts import GivenVerdicts

CURATED_FILE = "curated.jsonl"
REPORT_FILE = "curation.json"
EMPTY_REPORT_FILE = "curation-empty.json"
"""Names in the run directory; the last is the report of a curation that kept nothing, so that
an earlier result and its own report stay together."""


class NothingKeptError(DeepSearchError):
    """No trace was left; `report` says where they went."""

    def __init__(self, message: str, report: CurationReport) -> None:
        self.report = report
        super().__init__(message)


def curate(
    traces: TraceInput,
    out: str | os.PathLike[str],
    *,
    preset: str | Preset = "reference",
    without: Sequence[str] = (),
    verdicts: str | os.PathLike[str] | None = None,
    scorer: Scorer | None = None,
    keep_per_question: int | None = None,
    max_records: int | None = None,
) -> CurationReport:
    """Keep the traces worth training on.

    `out` gets `curated.jsonl` (whole traces, answers corrected, hardest questions first),
    replaced in one step, `curation.json`, which says what each filter saw and removed, and
    `curation.html`, the same to look at with runs to open. If no trace is kept, these stay
    as they are and the report is `curation-empty.json` and `curation-empty.html`.

    Args:
        traces: trace files, run directories, or traces.
        out: the directory to write to.
        preset: a preset or its name.
        without: filters, steps or dimensions to leave out.
        verdicts: a file of verdicts on the traces, or a directory that holds
            `verdicts.jsonl` (see `GivenVerdicts`); where there is one it says what is
            right, before gold answers.
        scorer: scores answers of traces that come with golds and no outcome; exact match,
            F1 and containment when absent.
        keep_per_question: overrides the preset's.
        max_records: overrides the preset's.

    Raises:
        CurationChoiceError: an unknown preset or filter.
        TraceFileError: a file is absent, is `curated.jsonl` of `out` itself, or a line is
            no trace; the message names it.
        VerdictError: the file of verdicts is absent, holds something else, or is of none
            of the traces.
        NothingKeptError: no trace was left; an earlier result stays as it is.
    """
    chosen = get_preset(preset) if isinstance(preset, str) else preset
    limits = {"keep_per_question": keep_per_question, "max_records": max_records}
    given = {name: value for name, value in limits.items() if value is not None}
    chosen = replace(chosen, selection=replace(chosen.selection, **given))
    chosen.without(without)  # a misspelt name leaves no folder behind
    judged = GivenVerdicts(verdicts) if verdicts is not None else None
    directory = Path(out)
    directory.mkdir(parents=True, exist_ok=True)
    with as_files(traces, directory) as files:
        refuse_overwriting(directory / CURATED_FILE, files)
        run = _Curation(files, chosen, tuple(without), scorer or outcome, judged)
        report = run.run(directory)
    if not report.kept:
        msg = f"{report.why_empty}; see {directory / EMPTY_REPORT_FILE}"
        if (directory / CURATED_FILE).is_file():
            msg += f"; the earlier {CURATED_FILE} stays with its {REPORT_FILE}"
        raise NothingKeptError(msg, report)
    return report


class _Curation:
    """One curation under way."""

    def __init__(
        self,
        files: Sequence[Path],
        preset: Preset,
        without: tuple[str, ...],
        scorer: Scorer,
        verdicts: GivenVerdicts | None,
    ) -> None:
        self._files = files
        self._verdicts = verdicts
        # What is right stays the same, whether or not the filter that asks is left out.
        self._measures = preset.measures
        if verdicts:
            preset = preset.asking_first(verdicts.kind)
            self._measures = asked_first(verdicts.kind, self._measures)
        preset = self._preset = preset.without(without)
        self._scorer = scorer
        self._questions: dict[bytes, QuestionRuns] = {}
        source = preset.difficulty.source if preset.difficulty else ""
        self._report = CurationReport(
            preset=preset.constants(),
            without=without,
            filters=[FilterCount.of(f) for f in preset.filters],
            difficulty=FilterCount("difficulty", "difficulty", source, unit="question"),
            final_filters=[FilterCount.of(f) for f in preset.final_filters],
        )

    def run(self, directory: Path) -> CurationReport:
        started = time.monotonic()
        self._judge_all()
        self._check_verdicts()
        selected = self._select(self._not_too_easy())
        report = self._report
        report.questions = len(self._questions)
        ratios = [q.ratio for q in self._questions.values() if q.judged]
        report.difficulty_histogram = histogram(ratios)
        for ratio in ratios:
            report.before.add_question(ratio)
        report.output = directory / CURATED_FILE
        with TraceLookup(self._files) as traces:
            if selected:  # else an earlier result stays
                copies = self._copies(selected, traces)
                report.kept = write_traces(report.output, copies)
            report.why_empty = "" if report.kept else _why_empty(report)
            report.seconds = time.monotonic() - started
            name = REPORT_FILE if report.kept else EMPTY_REPORT_FILE
            _write_json(directory / name, report.to_json())
            write_page(
                directory,
                report,
                lambda place: self._prepare(traces.get(place)),
                [run.place for run in selected],
            )
        if report.kept:  # what an earlier try that kept nothing said holds no more
            for name in (EMPTY_REPORT_FILE, EMPTY_PAGE_FILE):
                (directory / name).unlink(missing_ok=True)
        return report

    def _judge_all(self) -> None:
        scan = TraceScan(self._files)
        for place, trace in scan:
            self._judge(trace, place)
        self._report.read = scan.read
        self._report.duplicates = scan.duplicates
        self._report.inputs = scan.inputs

    def _check_verdicts(self) -> None:
        if self._verdicts and self._report.read:
            self._verdicts.check_used()
        if self._verdicts:
            self._report.verdicts = self._verdicts.to_json()

    def _judge(self, trace: Trace, place: Place) -> None:
        report = self._report
        trace = self._prepare(trace, counts=True)
        question = self._count(trace)
        report.before.add(trace, self._measures)
        dialect = dialect_of(trace)
        for one, count in zip(self._preset.filters, report.filters, strict=True):
            count.seen += 1
            if reason := one.reason(trace, dialect):
                count.remove(trace.id, reason, place)
                return
        report.valid += 1
        question.valid.append(
            RunKey(
                place=place,
                id=trace.id,
                rollout=trace.rollout,
                searches=_searches(trace),
                distinct=distinct_documents(trace),
                words=len(trace.output_text.split()),
                reflections=self._reflections(trace),
                late_reason=_first_objection(self._preset.final_filters, trace),
            )
        )

    def _prepare(self, trace: Trace, *, counts: bool = False) -> Trace:
        """Return the trace corrected and scored; the same in both passes."""
        kinds: tuple[str, ...] = ()
        before = trace.answer
        if self._verdicts:  # before the correction: a judge's are of the answer as it was
            if counts:
                self._verdicts.count(trace)
            trace = self._verdicts.on(trace)
        if self._preset.correction is not None:
            dialect = dialect_of(trace)
            corrected = correct_answer_form(trace, dialect, self._preset.correction)
            trace, kinds = corrected.trace, corrected.kinds
        answer_changed = bool(trace.golds) and trace.answer != before
        scores = needs_score(trace) or answer_changed
        if scores:
            trace = scored(trace, self._scorer)
        if counts:
            self._report.corrected += bool(kinds)
            self._report.corrections.update(kinds)
            self._report.scored += scores
        return trace

    def _reflections(self, trace: Trace) -> int:
        wanted = self._preset.selection.most_reflection
        return count_reflections(model_text(trace)) if wanted else 0

    def _count(self, trace: Trace) -> QuestionRuns:
        name = trace.question_id or trace.question
        key = digest(question_key(trace))
        question = self._questions.setdefault(key, QuestionRuns(name))
        question.runs += 1
        verdict = is_correct(trace, self._measures)
        if verdict is None:
            self._report.unjudged += 1
            return question
        question.judged += 1
        if verdict:
            question.correct += 1
            fewest = min(question.fewest_searches, _searches(trace))
            question.fewest_searches = fewest
        return question

    def _not_too_easy(self) -> list[QuestionRuns]:
        kept, count = [], self._report.difficulty
        for question in self._questions.values():
            if not question.valid:
                continue
            count.seen += 1
            rule = self._preset.difficulty
            reason = rule and rule.reason(question.name, question.correct, question.judged)
            if reason:
                count.remove(question.name, reason, question.valid[0].place)
            else:
                kept.append(question)
        self._report.valid_questions = count.seen
        return sorted(kept, key=question_order)

    def _select(self, questions: Sequence[QuestionRuns]) -> list[RunKey]:
        report, selection = self._report, self._preset.selection
        selected: list[RunKey] = []
        for question in questions:
            best = selection.best(question)
            report.not_selected += len(question.valid) - len(best)
            selected += [run for run in best if self._passes_late(run)]
        kept = selected[: selection.max_records]
        report.over_limit = len(selected) - len(kept)
        return kept

    def _passes_late(self, run: RunKey) -> bool:
        failed = run.late_reason
        for position, count in enumerate(self._report.final_filters):
            count.seen += 1
            if failed and failed[0] == position:
                count.remove(run.id, failed[1], run.place)
                return False
        return True

    def _copies(self, selected: Sequence[RunKey], traces: TraceLookup) -> Iterator[Trace]:
        counted: set[bytes] = set()
        for run in selected:
            trace = self._prepare(traces.get(run.place))
            self._report.after.add(trace, self._measures)
            key = digest(question_key(trace))
            if key not in counted and self._questions[key].judged:
                counted.add(key)
                self._report.after.add_question(self._questions[key].ratio)
            yield trace


def _searches(trace: Trace) -> int:
    return len(trace.searches) or trace.usage.searches


def _first_objection(filters: Sequence[Filter], trace: Trace) -> tuple[int, str] | None:
    dialect = dialect_of(trace)
    for position, one in enumerate(filters):
        if reason := one.reason(trace, dialect):
            return position, reason
    return None


def _why_empty(report: CurationReport) -> str:
    if not report.read:
        return "no traces in the input: run `deepsearch rollout` first"
    remover = report.largest_remover()
    if remover is None:
        return f"none of {report.read} traces was kept: max_records leaves none"
    example = remover.examples[0]["reason"]
    ways = f"--without {remover.name} or another --preset"
    if remover.name == Correct.name and report.unjudged:
        ways = f"--verdicts FILE (a judge's or your own), {ways}"
    return (
        f"none of {report.read} traces was kept; {remover.name!r} removed {remover.removed} "
        f"(such as: {example}); try {ways}"
    )


def _write_json(path: Path, data: Mapping[str, Any]) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    partial.write_text(json.dumps(data, indent=2, ensure_ascii=False), encoding="utf-8")
    partial.replace(path)
