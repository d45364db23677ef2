"""`report.html`: what a run directory measured, on one self-contained page.

The page loads nothing and runs no script; it reads well on a phone and in the dark.
Everything but `evaluation.json` is optional: a section whose file is absent is left out.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from .charts import Bar, bars, histogram, legend, line
from .evaluation import EVALUATION_FILE, EvaluationError
from .markup import Markup, element, join, page, stylesheet
from .question_key import runs_of_questions
from .run_directory import RunDirectory, read_json
from .run_facts import curation_funnel, settings_list, stage_times, training_figures
from .side_by_side import choose_examples, collect, comparison

REPORT_FILE = "report.html"
"""Name of the report in a run directory."""

LABELS = {
    "before": "Before",
    "after": "After",
    "result": "Result",
    "all_questions": "All questions after",
}
"""Headings of columns; another column's is its name."""

SCORES = {"em": "Exact match", "f1": "F1", "acc": "Contains gold"}
COSTS = {
    "searches": "Searches",
    "tokens": "Tokens written",
    "child_calls": "Calls inside steps",
    "child_tokens": "Tokens inside steps",
    "failed_searches": "Failed searches",
    "recalls": "Steps recalled",
    "unsearched": "Answered without a search",
    "seconds": "Seconds",
}
"""Measures of the main table, and what they are called."""

OPEN_SCORES = {
    "findings_f1": "F1 of findings",
    "findings_precision": "Precision",
    "findings_recall": "Recall",
    "format": "Form of the list",
    "diversity": "Diversity of findings",
    "query_diversity": "Diversity of queries",
    "composite": "Composite, at most 0.5",
    "findings": "Findings",
    "searches": "Searches",
    "tokens": "Tokens written",
}
"""Measures of open-ended questions, and what they are called."""

STAGES = {"planning": "Planning", "search": "Search results", "summary": "Evidence given"}
REDUNDANCY = {
    "alternatively": "\u201calternatively\u201d",
    "wait": "\u201cwait\u201d",
    "hmm": "\u201chmm\u201d",
    "repeated_queries": "Repeated queries",
    "output_words": "Words written",
}
"""Measures of the analysis tables."""

DEFINITIONS = {
    "Exact match, F1, contains gold": "The answer against each gold answer, best of them: "
    "equal, token F1, or gold contained in the answer, after lower case and without "
    "punctuation and articles.",
    "F1 of findings": "Of an open-ended question: the bullets of the answer matched one to "
    "one with the key findings, where sentences are at least 0.75 alike (O2-Searcher).",
    "Intervals": "95 % percentile bootstrap with 2,000 draws of questions; the difference "
    "is paired by question.",
    "Searches, tokens": "Executed searches, and tokens the reasoning model wrote, a "
    "question. Tokens inside steps are those of the model that reads documents.",
    "Steps recalled, answered without a search": "Steps that the model answered from its "
    "own knowledge, a question, where its dialect says so; and the share of questions it "
    "answered with no search at all.",
    "Planning, search results, evidence given": "Share of questions whose gold answer "
    "appears in what the model wrote before its answer turn, in the documents found, and "
    "in the evidence put before the model (Table 6 of the paper, arXiv 2505.16834).",
    "Words of doubt": "Whole words in any case in what the model wrote, a question "
    "(Table 5 of the paper).",
}
"""What the figures mean."""


def write_report(
    run_dir: str | os.PathLike[str], *, traces: Mapping[str, Path] | None = None
) -> Path:
    """Write `report.html` into a run directory and return its path.

    Args:
        run_dir: holds `evaluation.json`; `before.jsonl`, `after.jsonl`, `curation.json`,
            `training.json`, `stages.json` and `rollout.json` are shown when they are there.
        traces: trace files of columns that have none in the directory by their name.

    Raises:
        EvaluationError: `evaluation.json` is absent or holds no evaluation, or one of the
            other files is not JSON.
    """
    path = Path(run_dir)
    if not (path / EVALUATION_FILE).is_file():
        msg = f"no {EVALUATION_FILE} in {path}: run `deepsearch evaluate` or `loop` first"
        raise EvaluationError(msg)
    run = RunDirectory(path, read_json(path / EVALUATION_FILE), traces or {})
    if not run.columns:
        msg = f"{path / EVALUATION_FILE} holds no evaluation: write it again"
        raise EvaluationError(msg)
    body = element("main", *(part for part in _parts(run) if part is not None))
    text = page(_title(run), stylesheet("page.css", "report.css"), body)
    target = path / REPORT_FILE
    partial = target.with_name(f".{REPORT_FILE}.{os.getpid()}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(target)
    return target


def _parts(run: RunDirectory) -> Iterator[Markup | None]:
    yield _head(run)
    yield _main_table(run) if run.has_closed else None
    yield _open_ended(run)
    yield _groups(run, "by_hops", "By number of hops", "hops")
    yield _groups(run, "by_kind", "By kind of question", "")
    yield _costs(run)
    yield _section("Curation", curation_funnel(run.optional("curation.json")))
    yield _training(run)
    yield _analysis(run) if run.has_closed else None
    yield _examples(run)
    yield _section("Time by stage", stage_times(run.optional("stages.json")))
    yield _settings(run)
    yield _definitions()


def _section(title: str, *content: Markup | None) -> Markup | None:
    shown = [part for part in content if part is not None]
    return element("section", element("h2", title), *shown) if shown else None


def _label(column: str) -> str:
    return LABELS.get(column, column.replace("_", " ").capitalize())


def _title(run: RunDirectory) -> str:
    both = run.compared == ["before", "after"]
    return "Deep search, before and after" if both else "Deep search, evaluated"


def _head(run: RunDirectory) -> Markup:
    last = run.columns[run.compared[-1]]
    seconds = run.evaluation.get("seconds")
    facts = [
        _size(last) if run.has_closed else None,
        _open_size(last),
        last.get("model") or None,
        f"served by {last['engine']}" if last["engine"] else None,
        f"{seconds / 60:.1f} minutes for the whole loop" if seconds else None,
    ]
    if not run.has_closed:
        return element(
            "header",
            element("h1", _title(run)),
            element("p", " · ".join(fact for fact in facts if fact), class_="muted"),
        )
    scores = {
        label: [
            Bar(name, run.columns[name][measure], _interval(run.columns[name], measure))
            for name in run.compared
        ]
        for measure, label in SCORES.items()
    }
    return element(
        "header",
        element("h1", _title(run)),
        element("p", " · ".join(fact for fact in facts if fact), class_="muted"),
        element("p", _headline(run), class_="lede"),
        bars(scores),
        _legend(run),
        element("p", "Thin lines are 95 % intervals.", class_="muted small"),
    )


def _headline(run: RunDirectory) -> Markup:
    last = run.columns[run.compared[-1]]
    gain = (run.evaluation.get("difference") or {}).get("f1")
    if len(run.compared) < 2:
        return join("F1 is ", element("strong", f"{last['f1']:.3f}"), ".")
    sentence = join(
        "F1 went from ",
        element("strong", f"{run.columns['before']['f1']:.3f}"),
        " to ",
        element("strong", f"{last['f1']:.3f}"),
    )
    if not gain:
        return join(sentence, ".")
    span = f"{_signed(gain['low'], 3)} to {_signed(gain['high'], 3)}"
    mean = _signed(gain["mean"], 3)
    return join(sentence, f": {mean} on the same questions (95 % interval {span}).")


def _legend(run: RunDirectory) -> Markup | None:
    if len(run.compared) < 2:
        return None
    return legend({name: _label(name) for name in run.compared})


def _interval(column: Mapping[str, Any], measure: str) -> tuple[float, float] | None:
    interval = column.get("intervals", {}).get(measure)
    return (interval[0], interval[1]) if interval else None


def _main_table(run: RunDirectory) -> Markup | None:
    difference = run.evaluation.get("difference") or {}
    judged = {"judge": "Judged right"} if _any(run, "judge") else {}
    costs = {
        measure: label
        for measure, label in COSTS.items()
        if measure in ("searches", "tokens") or _any(run, measure)
    }
    rows = []
    for measure, label in {**SCORES, **judged, **costs}.items():
        digits = 3 if measure in (*SCORES, "judge", "unsearched") else 1
        cells = [_figure(column, measure, digits) for column in run.columns.values()]
        change = [_change(difference.get(measure), digits)] if difference else []
        cells[2:2] = change
        rows.append(element("tr", element("th", label, scope="row"), *cells))
    names = [_label(name) for name in run.columns]
    names[2:2] = ["Difference"] if difference else []
    for label, sizes in _sizes(list(run.columns.values())):
        shared = str(next(iter(difference.values()))["n"]) if difference else ""
        sizes[2:2] = [shared if label == "Questions" else ""] if difference else []
        rows.append(_row(label, sizes))
    ended: list[str] = [_stops(column) for column in run.columns.values()]
    ended[2:2] = [""] if difference else []
    rows.append(_row("How runs ended", ended))
    return _section("Figures", _table(names, rows), _answered(run))


def _answered(run: RunDirectory) -> Markup | None:
    answered = run.evaluation.get("answered")
    if not answered:
        return None
    note = (
        "Before and after are over the questions that both answered; in all, before has "
        f"{answered['before']} and after {answered['after']}."
    )
    return element("p", note, class_="muted small")


def _open_size(column: Mapping[str, Any]) -> str | None:
    found = column.get("open_ended")
    return _size(found, "open-ended") if found else None


def _size(figures: Mapping[str, Any], kind: str = "") -> str:
    return runs_of_questions(figures["n"], _asked(figures), kind)


def _asked(figures: Mapping[str, Any]) -> int:
    # Files of an earlier version have only the runs.
    return figures.get("asked", figures["n"])


def _sizes(columns: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, list[str]]]:
    """Yield the rows that say how much was measured; runs where some are repeated."""
    yield "Questions", [str(_asked(column)) for column in columns]
    if any(_asked(column) != column["n"] for column in columns):
        yield "Runs", [str(column["n"]) for column in columns]


def _open_ended(run: RunDirectory) -> Markup | None:
    columns = {n: c["open_ended"] for n, c in run.columns.items() if c.get("open_ended")}
    if not columns:
        return None
    rows = []
    for measure, label in OPEN_SCORES.items():
        digits = 1 if measure in ("findings", "searches", "tokens") else 3
        cells = [_figure(column, measure, digits) for column in columns.values()]
        rows.append(element("tr", element("th", label, scope="row"), *cells))
    rows += [_row(label, sizes) for label, sizes in _sizes(list(columns.values()))]
    used = ", ".join(dict.fromkeys(column["similarity"] for column in columns.values()))
    note = element("p", f"Sentences compared by {used}.", class_="muted small")
    table = _table([_label(name) for name in columns], rows)
    return _section("Open-ended questions", table, note)


def _any(run: RunDirectory, measure: str) -> bool:
    return any(column.get(measure) for column in run.columns.values())


def _figure(column: Mapping[str, Any], measure: str, digits: int) -> Markup:
    value = column.get(measure)
    if value is None:
        return element("td", "\u2013")
    interval = _interval(column, measure)
    span = f"{interval[0]:.{digits}f} to {interval[1]:.{digits}f}" if interval else None
    return element(
        "td", f"{value:.{digits}f}", element("span", span, class_="span") if span else None
    )


def _change(change: Mapping[str, float] | None, digits: int) -> Markup:
    if not change:
        return element("td")
    span = f"{_signed(change['low'], digits)} to {_signed(change['high'], digits)}"
    mean = _signed(change["mean"], digits)
    return element("td", mean, element("span", span, class_="span"))


def _stops(column: Mapping[str, Any]) -> Markup:
    stops = column.get("stop_reasons", {}).items()
    lines = (f"{reason.replace('_', ' ')} {count}" for reason, count in stops)
    return join(*(element("span", line, class_="line") for line in lines))


def _signed(value: float, digits: int) -> str:
    return f"{value:+.{digits}f}".replace("-", "\u2212")


def _row(label: str, cells: Sequence[str]) -> Markup:
    return element(
        "tr", element("th", label, scope="row"), *(element("td", cell) for cell in cells)
    )


def _table(names: list[str], rows: list[Markup]) -> Markup:
    heads = (element("th", name, scope="col") for name in names)
    head = element("thead", element("tr", element("th"), *heads))
    return element("div", element("table", head, element("tbody", *rows)), class_="wide")


def _groups(run: RunDirectory, key: str, title: str, unit: str) -> Markup | None:
    compared = {name: run.columns[name].get(key, {}) for name in run.compared}
    groups = sorted({group for column in compared.values() for group in column})
    rows = {}
    for group in groups:
        have = {name: column[group] for name, column in compared.items() if group in column}
        size = max(_asked(figures) for figures in have.values())
        label = f"{group} {unit}".strip().replace("_", " ")
        rows[f"{label} ({size})"] = [Bar(name, f["f1"]) for name, f in have.items()]
    if not rows:
        return None
    note = element("p", "F1; questions in brackets.", class_="muted small")
    return _section(title, bars(rows), _legend(run), note)


def _costs(run: RunDirectory) -> Markup | None:
    runs = {
        name: [
            entry for q in run.evaluation.get("questions", []) for entry in q.get(name, [])
        ]
        for name in run.compared
    }
    if not any(runs.values()):
        return None
    plots = [
        element(
            "figure",
            element("figcaption", f"{caption} a question"),
            histogram(
                {n: [int(e[measure]) for e in found] for n, found in runs.items()}, unit
            ),
        )
        for measure, caption, unit in (
            ("searches", "Searches", "searches"),
            ("tokens", "Tokens written", "tokens"),
        )
    ]
    return _section(
        "Searches and tokens", element("div", *plots, class_="figures"), _legend(run)
    )


def _training(run: RunDirectory) -> Markup | None:
    record = run.optional("training.json", "model/training.json")
    if not isinstance(record, dict):
        return None
    losses = [(step, float(loss)) for step, loss in enumerate(record.get("losses", ()), 1)]
    curve = None
    if len(losses) > 1:
        curve = element(
            "figure",
            element("figcaption", "Loss of each step"),
            line(losses, x="step", y="loss"),
        )
    return _section("Training", curve, training_figures(record))


def _analysis(run: RunDirectory) -> Markup | None:
    tables = []
    for key, names, caption, digits in (
        ("stages", STAGES, "Where the gold answer appears, share of questions", 3),
        ("redundancy", REDUNDANCY, "Redundancy, mean a question", 2),
    ):
        columns = {n: c[key] for n, c in run.columns.items() if c.get(key)}
        if not columns:
            continue
        rows = [
            _row(
                label,
                [f"{figures.get(name, 0):.{digits}f}" for figures in columns.values()],
            )
            for name, label in names.items()
        ]
        tables += [element("h3", caption), _table([_label(n) for n in columns], rows)]
    return _section("How it searches", *tables)


def _examples(run: RunDirectory) -> Markup | None:
    questions = run.evaluation.get("questions", [])
    keys = choose_examples(questions, run.compared)
    found = {name: collect(run.trace_file(name), keys) for name in run.compared}
    shown = [
        {_label(name): traces[key] for name, traces in found.items() if key in traces}
        for key in keys
    ]
    shown = [runs for runs in shown if runs]
    if not shown:
        return None
    note = element(
        "p",
        "Right, wrong and changed answers. Blue edges mark what the model wrote, amber what "
        "came from outside.",
        class_="muted small",
    )
    boxes = [comparison(runs, opened=number == 0) for number, runs in enumerate(shown)]
    return _section("Examples", note, *boxes)


def _settings(run: RunDirectory) -> Markup | None:
    manifest = run.optional("rollout.json")
    return _section("Settings", settings_list(manifest))


def _definitions() -> Markup | None:
    pairs = [
        join(element("dt", term), element("dd", text)) for term, text in DEFINITIONS.items()
    ]
    return _section("What is measured", element("dl", *pairs, class_="definitions"))
