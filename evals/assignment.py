"""One-to-one matching of greatest total similarity (the Hungarian method)."""

from __future__ import annotations

from collections.abc import Sequence


def best_assignment(matrix: Sequence[Sequence[float]]) -> list[tuple[int, int]]:
    """Return (row, column) pairs, each row and column once, of the greatest sum.

    Args:
        matrix: similarities, at least one row and one column. The smaller side is
            matched whole.

    >>> best_assignment([[0.9, 0.8], [0.8, 0.1]])
    [(0, 1), (1, 0)]
    """
    if len(matrix) > len(matrix[0]):
        turned = [list(column) for column in zip(*matrix, strict=True)]
        return sorted((i, j) for j, i in best_assignment(turned))
    rows, columns = len(matrix), len(matrix[0])
    row_price, column_price = [0.0] * (rows + 1), [0.0] * (columns + 1)
    owner = [0] * (columns + 1)  # row of each column, counted from 1; 0: none
    for row in range(1, rows + 1):
        _add_row(matrix, row, row_price, column_price, owner)
    return sorted((r - 1, column - 1) for column, r in enumerate(owner) if column and r)


def _add_row(
    matrix: Sequence[Sequence[float]],
    row: int,
    row_price: list[float],
    column_price: list[float],
    owner: list[int],
) -> None:
    """Give one more row a column, moving others along the cheapest path."""
    columns = len(owner) - 1
    least = [float("inf")] * (columns + 1)
    came_from = [0] * (columns + 1)
    is_used = [False] * (columns + 1)
    owner[0], column = row, 0
    while owner[column]:
        is_used[column] = True
        current, step, following = owner[column], float("inf"), 0
        for other in range(1, columns + 1):
            if is_used[other]:
                continue
            cost = -matrix[current - 1][other - 1]
            reduced = cost - row_price[current] - column_price[other]
            if reduced < least[other]:
                least[other], came_from[other] = reduced, column
            if least[other] < step:
                step, following = least[other], other
        for other in range(columns + 1):
            if is_used[other]:
                row_price[owner[other]] += step
                column_price[other] -= step
            else:
                least[other] -= step
        column = following
    while column:
        owner[column] = owner[came_from[column]]
        column = came_from[column]
