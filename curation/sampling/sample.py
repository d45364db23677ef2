"""Question sampling from files to files: what is left out, what is chosen, and the report.

read → same and nearly the same questions → evaluation sets → mix → Algorithm 1 → write
"""

from __future__ import annotations

import json
import time
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from ...questions import ID_KEYS, QUESTION_KEYS
from ..inputs import refuse_overwriting
from ..resumable import write_whole
from .algorithm import check_criteria, merged_domains, sample_diverse
from .candidates import (
    SOURCE_KEYS,
    Candidate,
    QuestionFile,
    SamplingError,
    read_pool,
    read_records,
)
from .contamination import CONTAMINATED, EvaluationSets, contaminated_among
from .duplicates import NEAR_DUPLICATE, duplicates_among
from .mix import group_by_mix
from .plots import sampling_page
from .quotas import share_out
from .report import PoolFigures, SamplingReport, examples_of
from .wording import Lexicon

SAMPLED_FILE = "sampled.jsonl"
REPORT_FILE = "sampling.json"
PAGE_FILE = "sampling.html"
"""What a sampling writes into its folder."""


@dataclass(frozen=True)
class SamplingPlan:
    """How to sample."""

    target: int
    """Questions wanted."""
    mix: Mapping[str, float] = field(default_factory=dict)
    """Share of each source, or of `single-hop` and `multi-hop`; none: as Algorithm 1
    has it, without regard to the source."""
    without: tuple[str, ...] = ()
    """Criteria to leave out; see `sample_diverse`."""
    min_domain: int = 0
    """Domains with fewer questions count as `other`."""
    near_duplicate: float = NEAR_DUPLICATE
    """Overlap that makes two questions nearly the same; over 1: only the same words."""
    contaminated: float = CONTAMINATED
    """Share of an evaluation question's n-grams that makes a question contaminated."""
    seed: int | None = None
    """Shuffles questions that Algorithm 1 treats alike; None keeps the files' order."""


def sample_questions(
    files: Sequence[tuple[str, str | Path]],
    out: str | Path,
    plan: SamplingPlan,
    *,
    against: Sequence[tuple[str, str | Path]] = (),
) -> SamplingReport:
    """Sample annotated questions into `sampled.jsonl`, `sampling.json` and a page.

    The chosen questions keep all their fields and the order of the files. Nothing is
    written before the choice is made, nor where no question is left: what was there before
    stays.

    Args:
        files: (source name, file) pairs of annotated questions.
        out: folder to write.
        plan: how.
        against: (name, file) pairs of evaluation sets that must stay unseen.

    Raises:
        SamplingError: nothing to choose from, a plan that cannot be, or a file that
            cannot be read.
        TraceFileError: a file that is read here would be replaced.
    """
    if plan.target < 1:
        msg = f"the target must be at least 1, not {plan.target}"
        raise SamplingError(msg)
    check_criteria(plan.without)
    for name in (SAMPLED_FILE, REPORT_FILE, PAGE_FILE):
        refuse_overwriting(Path(out) / name, (path for _, path in (*files, *against)))
    sources = [QuestionFile(name, Path(path)) for name, path in files]
    held_out = EvaluationSets.read(against)
    report = SamplingReport(asdict(plan))
    with _timed(report, "read"):
        needs = [name for name in ("domain", "keywords") if name not in plan.without]
        read = read_pool(sources, needs=needs)
        report.inputs, report.read = read.inputs, read.read
        report.unannotated = read.unannotated
        report.before = PoolFigures.of(read.candidates)
    if not read.candidates:
        msg = (
            f"none of {read.read} questions has `domain` and `key_points`: run `deepsearch "
            "questions annotate` first"
        )
        raise SamplingError(msg)
    pool = _fresh(read.candidates, plan, held_out, report)
    if not pool:
        left_out = ", ".join(f"{count} {step}" for step, count in report.steps() if count)
        msg = (
            f"no question is left of {report.read} ({left_out}): nothing was written; "
            "sample from other questions"
        )
        raise SamplingError(msg)
    with _timed(report, "select"):
        chosen = _choose(pool, plan, report)
    report.selected, report.after = len(chosen), PoolFigures.of(chosen)
    with _timed(report, "write"):
        _write(chosen, sources, Path(out), report)
    return report


@contextmanager
def _timed(report: SamplingReport, stage: str) -> Iterator[None]:
    started = time.monotonic()
    yield
    report.seconds[stage] = round(time.monotonic() - started, 3)


def _fresh(
    pool: Sequence[Candidate],
    plan: SamplingPlan,
    held_out: EvaluationSets,
    report: SamplingReport,
) -> list[Candidate]:
    """Return the questions that are neither asked twice nor in an evaluation set."""
    texts = [candidate.text for candidate in pool]
    with _timed(report, "words"):
        lexicon = Lexicon()
        wordings = lexicon.read(texts)
    with _timed(report, "duplicates"):
        found = duplicates_among(texts, wordings, lexicon, threshold=plan.near_duplicate)
        near = [duplicate for duplicate in found if duplicate.kind == "near"]
        report.duplicates, report.near_duplicates = len(found) - len(near), len(near)
        pairs = [(texts[one.position], texts[one.of], one.overlap) for one in near]
        report.examples["near_duplicates"] = examples_of(pairs, "duplicate_of")
        dropped = {duplicate.position for duplicate in found}
    with _timed(report, "decontamination"):
        left = [position for position in range(len(pool)) if position not in dropped]
        matches = contaminated_among(
            wordings, left, held_out, lexicon, threshold=plan.contaminated
        )
        counts = Counter(match.evaluation_set for match in matches)
        report.evaluation_sets = held_out.sizes
        report.contaminated = {name: counts[name] for name in held_out.sizes}
        pairs = [(texts[one.position], one.question, one.overlap) for one in matches]
        report.examples["contaminated"] = examples_of(pairs, "evaluation_question")
        dropped |= {match.position for match in matches}
    return [pool[position] for position in left if position not in dropped]


def _choose(
    pool: Sequence[Candidate], plan: SamplingPlan, report: SamplingReport
) -> list[Candidate]:
    groups = group_by_mix(pool, plan.mix)
    sizes = {name: len(positions) for name, positions in groups.items()}
    report.available = sum(sizes.values())
    report.not_in_mix = len(pool) - report.available
    in_mix = [pool[position] for positions in groups.values() for position in positions]
    # Over the whole mix: what is large enough there may be small in each of its groups.
    counts_as = merged_domains(in_mix, plan.min_domain)
    if "domain" not in plan.without:
        merged = (name for name, kept in counts_as.items() if kept != name)
        report.merged_domains = list(merged)
    quotas = share_out(sizes, plan.mix or dict.fromkeys(sizes, 1.0), plan.target)
    chosen: list[Candidate] = []
    for name, quota in quotas.items():
        members = [pool[position] for position in groups[name]]
        places = sample_diverse(
            members,
            quota,
            without=plan.without,
            counts_as=counts_as,
            seed=plan.seed,
        )
        chosen += [members[place] for place in places]
        if plan.mix:
            counts = {"available": len(members), "quota": quota, "selected": len(places)}
            report.groups[name] = counts
    return sorted(chosen, key=lambda one: (one.file, one.record))


def _write(
    chosen: Sequence[Candidate],
    sources: Sequence[QuestionFile],
    out: Path,
    report: SamplingReport,
) -> None:
    wanted: defaultdict[int, set[int]] = defaultdict(set)
    for candidate in chosen:
        wanted[candidate.file].add(candidate.record)
    report.output = out / SAMPLED_FILE
    lines = (
        json.dumps(record, ensure_ascii=False)
        for record in _with_own_ids(_records(sources, wanted))
    )
    write_whole(report.output, lines)
    text = json.dumps(report.to_json(), ensure_ascii=False, indent=2)
    write_whole(out / REPORT_FILE, [text])
    write_whole(out / PAGE_FILE, [sampling_page(report)])


def _records(
    sources: Sequence[QuestionFile], wanted: Mapping[int, Collection[int]]
) -> Iterator[dict[str, Any]]:
    for number, source in enumerate(sources):
        for record in read_records(source.path, wanted.get(number, ())):
            named = any(record.get(key) for key in SOURCE_KEYS)
            yield record if named else {**record, "source": source.name}


def _with_own_ids(records: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the records, ids that several sources use made different.

    Public sets count from 1; a question file must not have two questions with one id.
    """
    seen: set[str] = set()
    for record in records:
        key = next((key for key in ID_KEYS if record.get(key) is not None), "id")
        text = next(str(record[name]) for name in QUESTION_KEYS if record.get(name))
        digest = sha256(text.strip().encode()).hexdigest()[:16]
        identifier = str(record.get(key, digest))
        if identifier in seen:
            identifier = f"{identifier}-{digest}"
        seen.add(identifier)
        yield record if str(record.get(key)) == identifier else {**record, key: identifier}
