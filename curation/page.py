"""`curation.html`: what a curation took in, removed and kept, on one self-contained page.

The page runs no script and loads nothing; runs to open stand in it, cut where they are
very long.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from ..evals.charts import Bar, bars, histogram, legend
from ..evals.markup import Markup, element, join, page, stylesheet
from ..evals.run_facts import curation_funnel, settings_list
from ..evals.side_by_side import run_column
from ..trace import Trace
from .distributions import MEASURES, RIGHT, Distributions
from .inputs import Place
from .report import CurationReport

PAGE_FILE = "curation.html"
EMPTY_PAGE_FILE = "curation-empty.html"
"""Names of the page in the output directory: of a result, and where nothing was kept."""

TraceAt = Callable[[Place], Trace]
"""Gives the trace at a place as the curation saw it: corrected and scored."""

MOST_KEPT = 3
"""Kept runs that can be opened."""

MOST_CHARACTERS = 4000
"""Of one segment on the page; longer ones are cut in the middle, and the cut is said."""

MOST_BARS = 12
"""Names of a group that are drawn."""

SERIES = {"before": "All traces", "after": "Kept"}

GROUP_TITLES = {
    "outcome": "Answer",
    "stop_reason": "How runs ended",
    "model": "Model",
    "domain": "Domain",
    "source": "Source of the question",
    "kind": "Kind of question",
    "type": "Type of question",
    "hops": "Hops",
}


def write_page(
    directory: Path,
    report: CurationReport,
    traces: TraceAt,
    kept: Sequence[Place],
) -> Path:
    """Write the page of a curation into its directory and return its path.

    Args:
        directory: where the report stands.
        report: what was counted.
        traces: gives the runs to open, as they were judged and written.
        kept: places of kept traces, best first; the first ones can be opened.
    """
    parts = _parts(report, traces, kept)
    body = element("main", *(part for part in parts if part is not None))
    text = page("Curation", stylesheet("page.css", "report.css"), body)
    target = directory / (PAGE_FILE if report.kept else EMPTY_PAGE_FILE)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(target)
    return target


def _parts(
    report: CurationReport, traces: TraceAt, kept: Sequence[Place]
) -> Iterator[Markup | None]:
    before, after = report.before, report.after
    yield _head(report)
    yield _section("What each step removed", _funnel(report), _constants(report))
    yield _section("Before and after", *_histograms(before, after))
    yield _section("What it is about", *_groups(before, after))
    yield _section("Removed, to open", *_removed(report, traces))
    yield _section("Kept, to open", *_kept(traces, kept))
    yield _section("What went in", _inputs(report))


def _section(title: str, *content: Markup | None) -> Markup | None:
    shown = [part for part in content if part]
    return element("section", element("h2", title), *shown) if shown else None


def _head(report: CurationReport) -> Markup:
    facts = [
        f"preset {report.preset['name']}",
        f"without {', '.join(report.without)}" if report.without else None,
        report.verdicts_used or None,
        f"{report.questions} questions",
        f"{report.seconds:.1f} s" if report.seconds else None,
    ]
    lede = join(
        "Of ",
        element("strong", f"{report.read:,}"),
        " traces, ",
        element("strong", f"{report.kept:,}"),
        f" are worth training on; {report.valid:,} passed the filters. ",
        f"{report.why_empty}." if report.why_empty else "",
    )
    return element(
        "header",
        element("h1", "Curation"),
        element("p", " · ".join(fact for fact in facts if fact), class_="muted"),
        element("p", lede, class_="lede"),
        _totals(report),
    )


def _totals(report: CurationReport) -> Markup:
    corrections = ", ".join(f"{kind} {n}" for kind, n in report.corrections.most_common())
    values = {
        "Traces that came twice": report.duplicates,
        "Without any verdict": report.unjudged,
        "Scored here": report.scored,
        "Answers corrected": f"{report.corrected} ({corrections})" if corrections else 0,
        "Questions with a valid run": report.valid_questions,
        "Beaten by another run of the question": report.not_selected,
        "Beyond the limit on records": report.over_limit,
    }
    return _pairs({name: value for name, value in values.items() if value})


def _pairs(values: Mapping[str, object]) -> Markup:
    entries = (join(element("dt", k), element("dd", v)) for k, v in values.items())
    return element("dl", *entries, class_="pairs")


def _funnel(report: CurationReport) -> Markup | None:
    return curation_funnel(report.to_json())


def _constants(report: CurationReport) -> Markup:
    rows = [
        join(
            element("dt", f"{step.name.replace('_', ' ')} ({step.dimension})"),
            element("dd", step.source),
        )
        for step in report.steps()
        if step.source
    ]
    sources = element(
        "details",
        element("summary", "Where the rules come from"),
        element("dl", *rows, class_="definitions"),
        class_="more",
    )
    return join(settings_list(report.preset), sources)


def _histograms(before: Distributions, after: Distributions) -> Iterator[Markup]:
    plots = [
        (shape.label, shape.unit, before.measures[name], after.measures[name])
        for name, shape in MEASURES.items()
    ]
    plots.append((RIGHT.label, RIGHT.unit, before.right, after.right))
    figures = [
        element(
            "figure",
            element(
                "figcaption", f"{label} ({unit}): {_middle(ours)} to {_middle(theirs)}"
            ),
            histogram({"before": ours, "after": theirs}, unit),
        )
        for label, unit, ours, theirs in plots
        if ours
    ]
    if figures:
        yield element("div", *figures, class_="figures")
        yield legend(SERIES)
        yield element(
            "p",
            "Columns are shares of each set; figures are medians.",
            class_="muted small",
        )


def _middle(counts: Counter[int]) -> str:
    half, seen = counts.total() / 2, 0
    for value in sorted(counts):
        seen += counts[value]
        if seen >= half:
            return str(value)
    return "\u2013"


def _groups(before: Distributions, after: Distributions) -> Iterator[Markup]:
    for group, counts in before.groups.items():
        if len(counts) < 2:
            continue
        ours, theirs = counts.total(), max(1, after.groups.get(group, Counter()).total())
        rows = {}
        for name, count in counts.most_common(MOST_BARS):
            left = after.groups.get(group, Counter())[name]
            rows[f"{name.replace('_', ' ')} ({left} of {count})"] = [
                Bar("before", count / ours),
                Bar("after", left / theirs),
            ]
        more = len(counts) - len(rows)
        yield element("h3", GROUP_TITLES.get(group, group))
        yield bars(rows)
        if more:
            yield element("p", f"and {more} more", class_="muted small")


def _removed(report: CurationReport, traces: TraceAt) -> Iterator[Markup]:
    for step in report.steps():
        if not step.examples:
            continue
        title = element(
            "h3",
            step.name.replace("_", " "),
            element("span", f" {step.removed} removed", class_="muted"),
        )
        shown = [
            _run(traces(place), example["reason"])
            for place, example in zip(step.places, step.examples, strict=False)
        ]
        rest = step.examples[len(shown) :]
        listed = [element("li", f"{e['id']}: {_short(e['reason'])}") for e in rest]
        yield join(
            title, *shown, element("ul", *listed, class_="small") if listed else None
        )


def _kept(traces: TraceAt, kept: Sequence[Place]) -> Iterator[Markup]:
    for place in kept[:MOST_KEPT]:
        yield _run(traces(place), "kept")


def _run(trace: Trace, said: str) -> Markup:
    summary = element(
        "summary",
        element("span", trace.question, class_="question"),
        element(
            "span",
            element("span", "gold ", class_="muted"),
            ", ".join(trace.golds) or "\u2013",
            class_="answer-line",
        ),
        element(
            "span",
            element("span", "answer ", class_="muted"),
            _short(trace.answer or "none"),
            class_="answer-line",
        ),
        element("span", _short(said), class_="answer-line muted"),
    )
    column = run_column(trace.id, _cut(trace))
    return element(
        "details", summary, element("div", column, class_="pair"), class_="example"
    )


def _cut(trace: Trace) -> Trace:
    segments = [
        segment.model_copy(update={"text": _middle_out(segment.text)})
        for segment in trace.segments
    ]
    return trace.model_copy(update={"segments": segments})


def _middle_out(text: str) -> str:
    if len(text) <= MOST_CHARACTERS:
        return text
    edge = MOST_CHARACTERS // 2
    left_out = len(text) - 2 * edge
    return f"{text[:edge]} … {left_out} characters left out … {text[-edge:]}"


def _short(text: str, most: int = 200) -> str:
    return text if len(text) <= most else f"{text[:most]}…"


def _inputs(report: CurationReport) -> Markup | None:
    rows = [
        element(
            "li",
            f"{entry['path']} ({entry['bytes']:,} bytes, SHA-256 {entry['sha256'][:16]}…)",
        )
        for entry in report.inputs
    ]
    return element("ul", *rows, class_="small") if rows else None
