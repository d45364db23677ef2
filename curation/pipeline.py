"""Curation: from a heap of traces to those worth training on.

Two passes over the files: the first judges every trace and keeps a few numbers of the
valid ones, the second copies the selected lines. Memory does not grow with the length of
the traces.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO

from ..errors import DeepSearchError
from ..evals.metrics import outcome
from ..nodes.dialects import get_dialect
from ..trace import Trace, TraceFileError, parse_trace, write_traces
from .correction import correct_answer_form
from .difficulty import histogram
from .filters import Filter, is_correct
from .presets import Preset, get_preset
from .report import CurationReport, FilterCount
from .selection import QuestionRuns, RunKey, question_order
from .transcript import distinct_documents

CURATED_FILE = "curated.jsonl"
REPORT_FILE = "curation.json"
"""Names in the run directory."""

Scorer = Callable[[str | None, Sequence[str]], Mapping[str, float]]
"""From an answer and its golds to a trace's `outcome`."""


class NothingKeptError(DeepSearchError):
    """No trace was left; `report` says where they went."""

    def __init__(self, message: str, report: CurationReport) -> None:
        self.report = report
        super().__init__(message)


def curate(
    traces: str | os.PathLike[str] | Iterable[str | os.PathLike[str]] | Iterable[Trace],
    out: str | os.PathLike[str],
    *,
    preset: str | Preset = "reference",
    without: Sequence[str] = (),
    scorer: Scorer | None = None,
    keep_per_question: int | None = None,
    max_records: int | None = None,
) -> CurationReport:
    """Keep the traces worth training on.

    `out` gets `curated.jsonl` (whole traces, answers corrected, hardest questions first),
    replaced in one step, and `curation.json`, which says what each filter saw and removed.

    Args:
        traces: trace files, run directories, or traces.
        out: the directory to write to.
        preset: a preset or its name.
        without: filters, steps or dimensions to leave out.
        scorer: scores answers of traces that come with golds and no outcome; exact match,
            F1 and containment when absent.
        keep_per_question: overrides the preset's.
        max_records: overrides the preset's.

    Raises:
        CurationChoiceError: an unknown preset or filter.
        TraceFileError: a file is absent or a line is no trace; the message names it.
        NothingKeptError: no trace was left; `curation.json` is written all the same.
    """
    chosen = get_preset(preset) if isinstance(preset, str) else preset
    limits = {"keep_per_question": keep_per_question, "max_records": max_records}
    given = {name: value for name, value in limits.items() if value is not None}
    chosen = replace(chosen, selection=replace(chosen.selection, **given))
    directory = Path(out)
    directory.mkdir(parents=True, exist_ok=True)
    with _as_files(traces, directory) as files:
        run = _Curation(files, chosen.without(without), tuple(without), scorer or outcome)
        report = run.run(directory)
    if not report.kept:
        msg = f"{report.why_empty}; see {directory / REPORT_FILE}"
        raise NothingKeptError(msg, report)
    return report


@contextmanager
def _as_files(traces: Any, directory: Path) -> Iterator[list[Path]]:
    if isinstance(traces, str | os.PathLike):
        yield [_trace_file(traces)]
        return
    entries = iter(traces)
    first = next(entries, None)
    if isinstance(first, Trace):
        spool = directory / f".traces.{os.getpid()}.partial"
        try:
            write_traces(spool, _chain(first, entries))
            yield [spool]
        finally:
            spool.unlink(missing_ok=True)
        return
    yield [] if first is None else [_trace_file(path) for path in _chain(first, entries)]


def _chain(first: Any, rest: Iterable[Any]) -> Iterator[Any]:
    yield first
    yield from rest


def _trace_file(path: str | os.PathLike[str]) -> Path:
    source = Path(path)
    if source.is_dir():
        source = source / "traces.jsonl"
    if not source.is_file():
        msg = (
            f"no trace file at {source}: run `deepsearch rollout` first, or check the path"
        )
        raise TraceFileError(msg)
    return source


class _Curation:
    """One curation under way."""

    def __init__(
        self,
        files: Sequence[Path],
        preset: Preset,
        without: tuple[str, ...],
        scorer: Scorer,
    ) -> None:
        self._files = files
        self._preset = preset
        self._scorer = scorer
        self._seen: set[bytes] = set()
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
        for number, file in enumerate(self._files):
            self._judge_file(number, file)
        selected = self._select(self._not_too_easy())
        report = self._report
        report.questions = len(self._questions)
        ratios = [q.ratio for q in self._questions.values() if q.judged]
        report.difficulty_histogram = histogram(ratios)
        report.output = directory / CURATED_FILE
        report.kept = write_traces(report.output, self._copies(selected))
        report.why_empty = "" if report.kept else _why_empty(report)
        report.seconds = time.monotonic() - started
        _write_json(directory / REPORT_FILE, report.to_json())
        return report

    def _judge_file(self, number: int, file: Path) -> None:
        digest, size = sha256(), 0
        with file.open("rb") as lines:
            for line_number, line in enumerate(lines, 1):
                digest.update(line)
                offset, size = size, size + len(line)
                if line.endswith(b"\n") and line.strip():
                    trace = parse_trace(line, file, line_number)
                    self._judge(trace, number, offset)
        self._report.inputs.append(
            {"path": str(file), "sha256": digest.hexdigest(), "bytes": size}
        )

    def _judge(self, trace: Trace, file: int, offset: int) -> None:
        report = self._report
        report.read += 1
        identity = _digest(trace.id)
        if identity in self._seen:
            report.duplicates += 1
            return
        self._seen.add(identity)
        trace = self._prepare(trace, counts=True)
        question = self._count(trace)
        dialect = get_dialect(trace.dialect)
        for one, count in zip(self._preset.filters, report.filters, strict=True):
            count.seen += 1
            if reason := one.reason(trace, dialect):
                count.remove(trace.id, reason)
                return
        report.valid += 1
        question.valid.append(
            RunKey(
                file=file,
                offset=offset,
                id=trace.id,
                rollout=trace.rollout,
                searches=_searches(trace),
                distinct=distinct_documents(trace),
                words=len(trace.output_text.split()),
                late_reason=_first_objection(self._preset.final_filters, trace),
            )
        )

    def _prepare(self, trace: Trace, *, counts: bool = False) -> Trace:
        """Return the trace corrected and scored; the same in both passes."""
        kinds: tuple[str, ...] = ()
        before = trace.answer
        if self._preset.correction is not None:
            dialect = get_dialect(trace.dialect)
            corrected = correct_answer_form(trace, dialect, self._preset.correction)
            trace, kinds = corrected.trace, corrected.kinds
        unscored = not {"em", "f1", "acc"} & set(trace.outcome)
        scores = bool(trace.golds) and (unscored or trace.answer != before)
        if scores:
            new = {**trace.outcome, **self._scorer(trace.answer, trace.golds)}
            trace = trace.model_copy(update={"outcome": new})
        if counts:
            self._report.corrected += bool(kinds)
            self._report.corrections.update(kinds)
            self._report.scored += scores
        return trace

    def _count(self, trace: Trace) -> QuestionRuns:
        key = trace.question_id or trace.question
        question = self._questions.setdefault(_digest(key), QuestionRuns(key))
        question.runs += 1
        verdict = is_correct(trace)
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
            reason = rule and rule.reason(question.key, question.correct, question.judged)
            if reason:
                count.remove(question.key, reason)
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
                count.remove(run.id, failed[1])
                return False
        return True

    def _copies(self, selected: Sequence[RunKey]) -> Iterator[Trace]:
        with ExitStack() as stack:
            opened: dict[int, BinaryIO] = {}
            for run in selected:
                if run.file not in opened:
                    file = self._files[run.file].open("rb")
                    opened[run.file] = stack.enter_context(file)
                opened[run.file].seek(run.offset)
                line = opened[run.file].readline()
                yield self._prepare(parse_trace(line, self._files[run.file], 0))


def _searches(trace: Trace) -> int:
    return len(trace.searches) or trace.usage.searches


def _first_objection(filters: Sequence[Filter], trace: Trace) -> tuple[int, str] | None:
    dialect = get_dialect(trace.dialect)
    for position, one in enumerate(filters):
        if reason := one.reason(trace, dialect):
            return position, reason
    return None


def _digest(text: str) -> bytes:
    # Half a SHA-256: ids of any length in 16 bytes.
    return sha256(text.encode()).digest()[:16]


def _why_empty(report: CurationReport) -> str:
    if not report.read:
        return "no traces in the input: run `deepsearch rollout` first"
    remover = report.largest_remover()
    if remover is None:
        return f"none of {report.read} traces was kept: max_records leaves none"
    example = remover.examples[0]["reason"]
    return (
        f"none of {report.read} traces was kept; {remover.name!r} removed {remover.removed} "
        f"(such as: {example}); try --without {remover.name} or another --preset"
    )


def _write_json(path: Path, data: Mapping[str, Any]) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    partial.write_text(json.dumps(data, indent=2, ensure_ascii=False), encoding="utf-8")
    partial.replace(path)
