"""What else a run directory tells: curation, training, time and settings, as HTML."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .markup import Markup, element, join


def curation_funnel(report: Any) -> Markup | None:
    """Return the filters of `curation.json` as a funnel, None without any.

    Args:
        report: the file's content: `filters`, `difficulty` and `final_filters`, each
            filter with `name`, `dimension`, `seen`, `removed` and `unit`; or a list of
            filters alone.
    """
    steps = _steps(report)
    if not steps:
        return None
    most: dict[str, int] = {}
    for step in steps:
        unit = step.get("unit", "trace")
        most[unit] = max(most.get(unit, 1), int(step.get("seen", 0)))
    rows = [_filter_row(step, most[step.get("unit", "trace")]) for step in steps]
    return join(
        element("p", _curation_totals(report, steps), class_="muted small"),
        element("div", *rows, class_="funnel"),
    )


def _steps(report: Any) -> list[Mapping[str, Any]]:
    if isinstance(report, Mapping):
        parts = (
            report.get("filters"),
            report.get("difficulty"),
            report.get("final_filters"),
        )
    else:
        parts = (report,)
    steps = [
        step for part in parts for step in (part if isinstance(part, list) else [part])
    ]
    return [step for step in steps if isinstance(step, Mapping) and "seen" in step]


def _curation_totals(report: Any, steps: Sequence[Mapping[str, Any]]) -> str:
    totals = report if isinstance(report, Mapping) else {}
    read = totals.get("read", steps[0]["seen"])
    kept = totals.get("kept", steps[-1]["seen"] - steps[-1].get("removed", 0))
    sentences = [f"{read} traces went in, {kept} were kept."]
    if totals.get("corrected"):
        sentences.append(f"The form of {totals['corrected']} answers was corrected.")
    if totals.get("not_selected"):
        sentences.append(
            f"{totals['not_selected']} good runs were left out for a better one of the same "
            "question."
        )
    return " ".join(sentences)


def _filter_row(step: Mapping[str, Any], most: int) -> Markup:
    seen, removed = int(step["seen"]), int(step.get("removed", 0))
    name = str(step.get("name", "")).replace("_", " ")
    unit = step.get("unit", "trace")
    about = str(step.get("dimension", "")) + ("" if unit == "trace" else f", {unit}s")
    bar = element(
        "div",
        element("span", class_="fill after", style=f"width:{(seen - removed) / most:.2%}"),
        element("span", class_="fill removed", style=f"width:{removed / most:.2%}"),
        class_="track",
    )
    count = element(
        "span",
        f"\u2212{removed}" if removed else "0",
        class_="bar-value" if removed else "bar-value zero",
    )
    title = element(
        "div", name, element("span", f" {about}", class_="muted"), class_="funnel-name"
    )
    return element(
        "div",
        title,
        bar,
        count,
        class_="funnel-row",
        title=f"{name}: {removed} of {seen} {unit}s removed",
    )


def training_figures(record: Mapping[str, Any]) -> Markup | None:
    """Return the figures and settings of `training.json`, None without any."""
    losses = record.get("losses") or []
    seconds = record.get("seconds") or 0
    figures = {
        "Parent": record.get("parent"),
        "Steps": len(losses) or None,
        "Tokens read": _grouped(record.get("tokens")),
        "Tokens trained on": _grouped(record.get("trained_tokens")),
        "Seconds": f"{seconds:.0f}" if seconds else None,
        "Loss, first and last": f"{losses[0]:.3f}, {losses[-1]:.3f}" if losses else None,
        "Traces skipped": len(record["skipped"]) if record.get("skipped") else None,
        "Data, SHA-256": record.get("data_sha256"),
    }
    return join(_pairs(figures), settings_list(record.get("config")))


def stage_times(stages: Any) -> Markup | None:
    """Return how long each stage took, longest as a full bar; None without any.

    Args:
        stages: stage to an object with `seconds`.
    """
    if not isinstance(stages, Mapping):
        return None
    seconds = {
        str(name): float(value["seconds"])
        for name, value in stages.items()
        if isinstance(value, Mapping) and value.get("seconds")
    }
    if not seconds:
        return None
    longest = max(seconds.values())
    rows = [
        element(
            "div",
            element("div", name.replace("_", " "), class_="bars-label"),
            element(
                "div",
                element(
                    "div",
                    element(
                        "span", class_="fill after", style=f"width:{s / longest * 100:.2f}%"
                    ),
                    class_="track",
                ),
                element("span", f"{s:.0f} s", class_="bar-value"),
                class_="bar",
            ),
            class_="bars-row",
        )
        for name, s in seconds.items()
    ]
    return element("div", *rows, class_="bars")


def settings_list(settings: Any) -> Markup | None:
    """Return settings as name and value, nested ones with dots; None without any."""
    if not isinstance(settings, Mapping) or not settings:
        return None
    entries = dict(_flat(settings))
    title = element("summary", f"{len(entries)} settings")
    return element("details", title, _pairs(entries), class_="more")


def _flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        elif value not in (None, "", []):
            yield f"{prefix}{name}", value


def _pairs(values: Mapping[str, Any]) -> Markup | None:
    pairs = [
        join(element("dt", name), element("dd", value))
        for name, value in values.items()
        if value is not None
    ]
    return element("dl", *pairs, class_="pairs") if pairs else None


def _grouped(number: Any) -> str | None:
    return f"{number:,}" if isinstance(number, int) and number else None
