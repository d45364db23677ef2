"""Greedy key-point diversity: the passes of the paper's Algorithm 1, in one walk.

Algorithm 1 goes over a domain's questions again and again; a pass takes every question
that shares no key point with those the same pass took before. A question is therefore
taken by the first pass in which no earlier question with one of its key points is: that
is first-fit colouring, and one walk gives every question its pass. A walk costs time in
proportion to the questions, where passes over a list cost questions times passes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

KeyPoints = Sequence[str]


def pick_diverse(key_points: Iterable[KeyPoints], quota: int) -> list[int]:
    """Return the positions that Algorithm 1 takes, in the order it takes them.

    Ends when the quota is met or nothing is left: a domain smaller than its quota is
    taken whole.

    Args:
        key_points: those of each question, in the order in which a pass looks at them.
        quota: how many to take.

    >>> pick_diverse([["film"], ["film", "age"], ["age"], ["river"]], 3)
    [0, 2, 3]
    >>> pick_diverse([["film"], ["film", "age"]], 9)
    [0, 1]
    """
    if quota < 1:
        return []
    passes: list[list[int]] = []
    used: dict[str, int] = {}  # key point to the passes that hold it, as bits
    limit = quota  # every pass takes at least one question: later ones are not reached
    waiting = 0  # questions in the passes below the limit
    for position, points in enumerate(key_points):
        held = 0
        for point in points:
            held |= used.get(point, 0)
        first_free = ~held & (held + 1)
        number = first_free.bit_length() - 1
        if number >= limit:
            continue
        if number == len(passes):
            passes.append([])
        passes[number].append(position)
        waiting += 1
        for point in points:
            used[point] = used.get(point, 0) | first_free
        while limit > 1 and _without(passes, limit, waiting) >= quota:
            waiting = _without(passes, limit, waiting)
            limit -= 1
        if limit == 1 and waiting == quota:
            break
    return [position for one in passes for position in one][:quota]


def _without(passes: list[list[int]], limit: int, waiting: int) -> int:
    """Return how many questions the passes below the limit hold without the last one."""
    return waiting - len(passes[limit - 1]) if limit <= len(passes) else waiting
