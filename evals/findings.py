"""The answer to an open-ended question: a list of findings, and how good it is.

O2-Searcher's measures (o2searcher/rewards). Where it translates Chinese sentences by a
model first, they are compared as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from .assignment import best_assignment
from .similarity import Similarity
from .tfidf import tfidf_matrix

MATCH_THRESHOLD = 0.75
"""Least similarity of a finding to the reference it is matched with
(o2searcher/rewards/rewards_score.py; the server's own default is 0.85)."""

FORM_WEIGHT, COMPLETENESS_WEIGHT, DIVERSITY_WEIGHT = 0.5, 0.3, 0.5
"""Weights within the form (rewards_format.py)."""

ENOUGH_FINDINGS = 10
"""Findings that are complete (rewards_format.py)."""

DUPLICATE_PENALTY = 3.0
"""Times the share of repeated findings, taken off (rewards_format.py)."""

SIMILAR = 0.6
"""Above it two findings count as alike (rewards_format.py)."""

ALIKE_WEIGHTS = (0.5, 0.3, 0.2)
"""Weights of the largest similarity, of twice the share of alike pairs, of the mean."""

ALIKE_POWER = 1.5
"""Diversity is 1 less the similarity to this power (rewards_format.py)."""


@dataclass(frozen=True)
class FindingsMatch:
    """How findings match the reference findings, one to one."""

    precision: float = 0.0
    recall: float = 0.0
    f1: float = 0.0


def findings(answer: str | None) -> list[str]:
    r"""Return the findings of an answer, one for each bullet line.

    For its F1 the original cuts at every hyphen; a hyphen inside a word is no bullet here.

    >>> findings("- Self-made.\n- \nplain")
    ['Self-made.']
    """
    lines = (line.strip() for line in (answer or "").splitlines())
    return [
        line[2:].strip() for line in lines if line.startswith("- ") and line[2:].strip()
    ]


def findings_form(answer: str | None) -> float:
    """Return how good a list of findings is as a list, 0 to 1: bullets, many, distinct.

    0 without any bullet, however long the text. Source: o2searcher/rewards/
    rewards_format.py.
    """
    found = findings(answer)
    if not found:
        return 0.0
    lines = [line for line in (answer or "").splitlines() if line.strip()]
    parts = (
        FORM_WEIGHT * len(found) / len(lines)
        + COMPLETENESS_WEIGHT * min(len(found) / ENOUGH_FINDINGS, 1.0)
        + DIVERSITY_WEIGHT * diversity(found)
    )
    repeated = 1 - len(set(found)) / len(found)
    total = parts / (FORM_WEIGHT + COMPLETENESS_WEIGHT + DIVERSITY_WEIGHT)
    return min(1.0, max(0.0, total - DUPLICATE_PENALTY * repeated))


def diversity(texts: Sequence[str]) -> float:
    """Return how unlike each other texts are by their words, 0 to 1; 1 for fewer than two.

    Source: o2searcher/rewards/rewards_format.py, which takes TF-IDF whatever compares
    findings with references.
    """
    if len(texts) < 2:
        return 1.0
    matrix = tfidf_matrix(texts)
    pairs = [matrix[i][j] for i, j in combinations(range(len(texts)), 2)]
    largest, mean = max(pairs), sum(pairs) / len(pairs)
    alike = 2 * sum(value > SIMILAR for value in pairs) / len(pairs)
    parts = zip(ALIKE_WEIGHTS, (largest, alike, mean), strict=True)
    return max(0.0, 1.0 - sum(weight * value for weight, value in parts) ** ALIKE_POWER)


def match_findings(
    found: Sequence[str],
    references: Sequence[str],
    similarity: Similarity,
    threshold: float = MATCH_THRESHOLD,
) -> FindingsMatch:
    """Match findings one to one with reference findings; all 0 where either is empty.

    Source: o2searcher/rewards/metrics/f1_reward.py.
    """
    if not found or not references:
        return FindingsMatch()
    matrix = _best_of_each_reference(similarity(found, references), threshold)
    matched = sum(matrix[i][j] >= threshold for i, j in best_assignment(matrix))
    if not matched:
        return FindingsMatch()
    precision, recall = matched / len(found), matched / len(references)
    return FindingsMatch(precision, recall, 2 * precision * recall / (precision + recall))


def _best_of_each_reference(
    matrix: Sequence[Sequence[float]], threshold: float
) -> list[list[float]]:
    """Return the matrix where a reference that several findings match keeps the best alone.

    The original does this before the assignment, so that a second finding of the same is
    not moved to a reference that fits it worse.
    """
    kept = [list(row) for row in matrix]
    for column in range(len(kept[0])):
        values = [row[column] for row in kept]
        if sum(value >= threshold for value in values) > 1:
            best = values.index(max(values))
            for place, row in enumerate(kept):
                row[column] = row[column] if place == best else 0.0
    return kept
