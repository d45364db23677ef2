"""Bootstrap intervals of means; the question is the unit that is drawn."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

RESAMPLES = 2000
"""Draws of a bootstrap; enough for the second digit of a 95 % interval."""

LEVEL = 0.95
"""Coverage of an interval."""

Interval = tuple[float, float]

Group = Mapping[str, Sequence[float]]
"""A measure's name to its values in one question, one for each of its runs."""


def intervals(groups: Sequence[Group], *, seed: int = 0) -> dict[str, Interval]:
    """Return a percentile interval of each measure's mean.

    Questions are drawn with all their runs, since runs of one question are alike.

    Args:
        groups: the questions, each with the same measures.
        seed: seed of the draws; one set of draws serves all measures.
    """
    if not groups:
        return {}
    names = list(groups[0])
    sums = {name: [float(sum(group[name])) for group in groups] for name in names}
    counts = [len(group[names[0]]) for group in groups]
    draws: dict[str, list[float]] = {name: [] for name in names}
    generator = random.Random(seed)
    positions = range(len(groups))
    for _ in range(RESAMPLES):
        drawn = generator.choices(positions, k=len(groups))
        total = sum(counts[i] for i in drawn)
        for name in names:
            values = sums[name]
            draws[name].append(sum([values[i] for i in drawn]) / total)
    return {name: _percentiles(values) for name, values in draws.items()}


def _percentiles(draws: list[float]) -> Interval:
    draws.sort()
    tail = round((1 - LEVEL) / 2 * len(draws))
    return draws[tail], draws[-tail - 1]
