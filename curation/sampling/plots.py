"""A page that shows questions before and after sampling."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...evals.charts import Bar, bars, legend
from ...evals.markup import Markup, element, join, page, stylesheet

if TYPE_CHECKING:
    from .report import SamplingReport

MOST_BARS = 40
"""Rows of a plot; with an open list of domains there may be hundreds."""


def sampling_page(report: SamplingReport) -> str:
    """Return the page of a sampling: domains, sources, interrogative words, key points."""
    before, after = report.before, report.after
    if before is None or after is None:
        msg = "a sampling that has not run has no page"
        raise ValueError(msg)
    words = ({str(k): v for k, v in p.interrogatives.items()} for p in (before, after))
    sections = (
        ("Domains", shares(before.domains, after.domains)),
        ("Sources", shares(before.sources, after.sources)),
        ("Interrogative words in a question", shares(*words)),
        ("Most frequent key points before", shares(before.key_points, after.key_points)),
    )
    body = element(
        "main",
        _head(report),
        *(
            element("section", element("h2", title), _key(), plot)
            for title, plot in sections
        ),
        _left_out(report),
        *(_examples(kind, pairs) for kind, pairs in report.examples.items() if pairs),
    )
    return page("Sampled questions", stylesheet("page.css", "report.css"), body)


def shares(before: Mapping[str, int], after: Mapping[str, int]) -> Markup:
    """Return bars of the share that each name has before and after."""
    sizes = sum(before.values()) or 1, sum(after.values()) or 1
    names = [*before, *(name for name in after if name not in before)]
    rows = {
        name or "(none)": [
            Bar("before", before.get(name, 0) / sizes[0], note=f", {before.get(name, 0)}"),
            Bar("after", after.get(name, 0) / sizes[1], note=f", {after.get(name, 0)}"),
        ]
        for name in names[:MOST_BARS]
    }
    top = max((bar.value for row in rows.values() for bar in row), default=1.0)
    hidden = len(names) - MOST_BARS
    more = element("p", f"and {hidden} smaller ones", class_="muted") if hidden > 0 else ""
    return join(bars(rows, top=top or 1.0), more)


def _key() -> Markup:
    return legend({"before": "share of all before", "after": "share of the selected"})


def _head(report: SamplingReport) -> Markup:
    before, after = report.before, report.after
    assert before is not None
    assert after is not None
    text = (
        f"{report.selected} of {report.read} questions were selected, from "
        f"{sum(count > 0 for count in after.domains.values())} domains. Interrogative words "
        f"a question: {before.mean_interrogatives} before, {after.mean_interrogatives} "
        f"after. Distinct key points: {before.distinct_key_points} before, "
        f"{after.distinct_key_points} after."
    )
    short = (
        element("p", f"The pool was too small by {report.short_by} questions.")
        if report.short_by
        else None
    )
    without = report.plan.get("without")
    ablation = element("p", f"Left out: {', '.join(without)}.") if without else None
    return element(
        "header",
        element("h1", "Sampled questions"),
        element("p", text, class_="lede"),
        short,
        ablation,
    )


def _left_out(report: SamplingReport) -> Markup:
    rows = [
        element("tr", element("th", step), element("td", count))
        for step, count in report.steps()
    ]
    return element("section", element("h2", "Left out"), element("table", *rows))


def _examples(kind: str, pairs: list[dict[str, Any]]) -> Markup:
    rows = [
        element("tr", *(element("td", str(value)) for value in pair.values()))
        for pair in pairs
    ]
    head = element("tr", *(element("th", name.replace("_", " ")) for name in pairs[0]))
    return element(
        "section",
        element("h2", f"Examples: {kind.replace('_', ' ')}"),
        element("div", element("table", head, *rows), class_="wide"),
    )
