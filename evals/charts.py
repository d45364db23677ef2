"""Plots as HTML and inline SVG: no script, no image, text at reading size everywhere.

Bars are boxes whose length is a style, so that a plot reflows on a phone instead of
shrinking its labels.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .markup import Markup, element

MOST_BINS = 12
"""Columns of a histogram at most."""

UNEVEN_WIDTHS = (2,)
"""Widths that read badly for counts."""


@dataclass(frozen=True)
class Bar:
    """One bar: its series, value and, where there is one, its interval."""

    series: str
    value: float
    interval: tuple[float, float] | None = None
    note: str = ""


def bars(rows: Mapping[str, Sequence[Bar]], *, top: float = 1.0) -> Markup:
    """Return horizontal bars, a group a row; `top` is the value of a full bar."""
    return element(
        "div",
        *(
            element(
                "div",
                element("div", label, class_="bars-label"),
                element("div", *(_bar(bar, top) for bar in group), class_="bars-group"),
                class_="bars-row",
            )
            for label, group in rows.items()
        ),
        class_="bars",
    )


def _bar(bar: Bar, top: float) -> Markup:
    whisker = None
    text = f"{bar.value:.2f}"
    if bar.interval:
        low, high = bar.interval
        whisker = element(
            "span",
            class_="whisker",
            style=f"left:{_share(low, top)};width:{_share(high - low, top)}",
        )
        text += f" ({low:.2f} to {high:.2f})"
    return element(
        "div",
        element(
            "div",
            element(
                "span", class_=f"fill {bar.series}", style=f"width:{_share(bar.value, top)}"
            ),
            whisker,
            class_="track",
        ),
        element("span", f"{bar.value:.2f}", class_="bar-value"),
        class_="bar",
        title=f"{bar.series}: {text}{bar.note}",
    )


def histogram(series: Mapping[str, Sequence[int] | Mapping[int, int]], unit: str) -> Markup:
    """Return columns of counts for each series side by side, over shared bins.

    Args:
        series: style class to its values, or to how often each value occurs.
        unit: what is counted.
    """
    tallies = {name: Counter(column) for name, column in series.items()}
    edges = bin_edges([value for tally in tallies.values() for value in tally])
    counts = {
        name: [_count(tally, low, high) for low, high in edges]
        for name, tally in tallies.items()
    }
    # Shares, since the series may differ in size.
    sizes = {name: max(1, tally.total()) for name, tally in tallies.items()}
    top = max(c / sizes[n] for n, column in counts.items() for c in column) or 1.0
    columns = [
        element(
            "div",
            element(
                "div",
                *(
                    element(
                        "span",
                        class_=f"fill {name}",
                        style=f"height:{_share(counts[name][i] / sizes[name], top)}",
                        title=f"{name}: {counts[name][i]} of {sizes[name]}, {_range(edge)} {unit}",
                    )
                    for name in series
                ),
                class_="column",
            ),
            element("span", str(edge[0]), class_="tick"),
            class_="bin",
        )
        for i, edge in enumerate(edges)
    ]
    return element("div", *columns, class_="histogram", role="img", aria_label=unit)


def bin_edges(values: Sequence[int]) -> list[tuple[int, int]]:
    """Return bins (first, last value) of round width that cover the values.

    >>> bin_edges([0, 1, 3])
    [(0, 0), (1, 1), (2, 2), (3, 3)]
    >>> bin_edges([40, 90, 250])
    [(0, 49), (50, 99), (100, 149), (150, 199), (200, 249), (250, 299)]
    """
    low, high = min(values, default=0), max(values, default=0)
    # From 0, unless that would leave half of the plot empty.
    first = low if low > high / 2 else 0
    for power in range(len(str(high)) + 1):
        for step in (1, 2, 5):
            width = step * 10**power
            bins = range(first // width, high // width + 1)
            if len(bins) <= MOST_BINS and width not in UNEVEN_WIDTHS:
                return [(i * width, (i + 1) * width - 1) for i in bins]
    return [(low, high)]


def _count(tally: Mapping[int, int], low: int, high: int) -> int:
    return sum(number for value, number in tally.items() if low <= value <= high)


def _range(edge: tuple[int, int]) -> str:
    low, high = edge
    return str(low) if low == high else f"{low}\u2013{high}"


def line(points: Sequence[tuple[float, float]], *, x: str, y: str) -> Markup:
    """Return a line through (x, y) points, y from 0, or from the least below it."""
    xs, ys = [p[0] for p in points], [p[1] for p in points]
    width = (max(xs) - min(xs)) or 1.0
    bottom = min(0.0, *ys)
    height = (max(0.0, *ys) - bottom) or 1.0
    path = " ".join(
        f"{(px - min(xs)) / width * 100:.2f},{100 - (py - bottom) / height * 100:.2f}"
        for px, py in points
    )
    grid = [
        element("line", x1="0", x2="100", y1=str(at), y2=str(at), class_="grid")
        for at in (0, 50, 100)
    ]
    drawing = element(
        "svg",
        *grid,
        element("polyline", points=path, class_="curve"),
        viewBox="0 0 100 100",
        preserveAspectRatio="none",
        role="img",
        aria_label=f"{y} over {x}, from {ys[0]:.3g} to {ys[-1]:.3g}",
    )
    axis = element(
        "div",
        *(element("span", tick(bottom + height * share, 2)) for share in (1, 0.5, 0)),
        class_="y",
    )
    ends = element(
        "div",
        element("span", tick(min(xs))),
        element("span", x),
        element("span", tick(max(xs))),
        class_="x",
    )
    return element("div", axis, drawing, ends, class_="line-chart")


def legend(names: Mapping[str, str]) -> Markup:
    """Return the key of series: style class to what it says."""
    return element(
        "p",
        *(
            element("span", element("span", class_=f"swatch {series}"), label)
            for series, label in names.items()
        ),
        class_="legend",
    )


def _share(value: float, top: float) -> str:
    return f"{max(0.0, min(1.0, value / top)) * 100:.2f}%"


def tick(value: float, digits: int = 6) -> str:
    """Return an axis label of so many digits; large numbers are written out.

    >>> tick(768.9, 2), tick(1_000_000), tick(0.35), tick(2e-5)
    ('770', '1,000,000', '0.35', '2e-05')
    """
    return f"{float(f'{value:.{digits}g}'):,.10g}"
