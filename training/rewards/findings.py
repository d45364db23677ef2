"""O2-Searcher's reward for open-ended questions: form, findings and queries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

from ...curation.transcript import queries
from ...nodes.dialects import get_dialect
from ...trace import Trace
from .assignment import best_assignment
from .base import Parts
from .tfidf import tfidf_similarity

Similarity = Callable[[Sequence[str], Sequence[str]], list[list[float]]]
"""Two lists of sentences to the matrix of their similarities, 0 to 1. The original takes
the cosine of all-MiniLM-L6-v2 embeddings; TF-IDF stands in where no such model is."""

SCALE = 0.5
"""Factor of the whole, so an open question gives at most half of a closed one
(o2searcher/rewards/__init__.py:6-14)."""

FORMAT_WEIGHT, F1_WEIGHT, QUERY_WEIGHT = 1.0, 1.0, 0.5
"""Weights of the three parts (the same); their sum divides."""

MATCH_THRESHOLD = 0.75
"""Least similarity of a finding to the reference it is matched with (metrics/server.py;
the function's own default is 0.85)."""

FORM_WEIGHT, COMPLETENESS_WEIGHT, DIVERSITY_WEIGHT = 0.5, 0.3, 0.5
"""Weights within the form's part (rewards_format.py)."""

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

MAX_QUERIES = 20
"""Queries looked at (metrics/dv_reward.py)."""

SAME_QUERY = 0.98
"""When all pairs are more alike than this, the queries are one (metrics/dv_reward.py)."""

SAME_BASE, SAME_DECAY = 0.5, 0.2
"""Score of n queries that are one: base times decay to the power n - 1 (the same)."""

FULL_QUERY_TOKENS, LEAST_LENGTH_FACTOR = 8, 0.1
"""Shorter queries count by their share of this length, at least by the factor (the
same); tokens are words and the two special tokens of the original's tokenizer."""


def findings(answer: str | None) -> list[str]:
    """Return the findings of an answer, one for each bullet line.

    The original cuts at every hyphen for this part; a hyphen inside a word is no bullet
    here.
    """
    lines = (line.strip() for line in (answer or "").splitlines())
    return [
        line[2:].strip() for line in lines if line.startswith("- ") and line[2:].strip()
    ]


def findings_form(answer: str | None, similarity: Similarity = tfidf_similarity) -> float:
    """Return how good a list of findings is as a list, 0 to 1: bullets, many, distinct.

    Source: o2searcher/rewards/rewards_format.py.
    """
    lines = [line for line in (answer or "").splitlines() if line.strip()]
    if not lines:
        return 0.0
    found = findings(answer)
    parts = (
        FORM_WEIGHT * len(found) / len(lines)
        + COMPLETENESS_WEIGHT * min(len(found) / ENOUGH_FINDINGS, 1.0)
        + DIVERSITY_WEIGHT * diversity(found, similarity)
    )
    repeated = 1 - len(set(found)) / len(found) if found else 0.0
    total = parts / (FORM_WEIGHT + COMPLETENESS_WEIGHT + DIVERSITY_WEIGHT)
    return min(1.0, max(0.0, total - DUPLICATE_PENALTY * repeated))


def diversity(texts: Sequence[str], similarity: Similarity = tfidf_similarity) -> float:
    """Return how unlike each other texts are, 0 to 1; 1 for fewer than two.

    Source: o2searcher/rewards/rewards_format.py.
    """
    if len(texts) < 2:
        return 1.0
    matrix = similarity(texts, texts)
    pairs = [matrix[i][j] for i, j in combinations(range(len(texts)), 2)]
    largest, mean = max(pairs), sum(pairs) / len(pairs)
    alike = 2 * sum(value > SIMILAR for value in pairs) / len(pairs)
    parts = zip(ALIKE_WEIGHTS, (largest, alike, mean), strict=True)
    return max(0.0, 1.0 - sum(weight * value for weight, value in parts) ** ALIKE_POWER)


def findings_f1(
    found: Sequence[str],
    references: Sequence[str],
    similarity: Similarity = tfidf_similarity,
    threshold: float = MATCH_THRESHOLD,
) -> float:
    """Return the F1 of findings matched one to one with reference findings.

    Source: o2searcher/rewards/metrics/f1_reward.py.
    """
    if not found or not references:
        return 0.0
    matrix = similarity(found, references)
    matched = sum(matrix[i][j] >= threshold for i, j in best_assignment(matrix))
    precision, recall = matched / len(found), matched / len(references)
    return 2 * precision * recall / (precision + recall) if matched else 0.0


def query_independence(
    asked: Sequence[str], similarity: Similarity = tfidf_similarity
) -> float:
    """Return how independent the queries of a run are, 0 to 1; 0 for fewer than two.

    Source: o2searcher/rewards/metrics/dv_reward.py.
    """
    asked = asked[:MAX_QUERIES]
    count = len(asked)
    if count < 2:
        return 0.0
    matrix = similarity(asked, asked)
    others = [[matrix[i][j] for j in range(count) if j != i] for i in range(count)]
    if all(value > SAME_QUERY for row in others for value in row):
        return SAME_BASE * SAME_DECAY ** (count - 1)
    scores = [
        _count_weight(count) * (1 - sum(row) / len(row)) * _length_factor(query)
        for row, query in zip(others, asked, strict=True)
    ]
    return min(1.0, max(0.0, sum(scores) / count))


def _count_weight(count: int) -> float:
    # Rises from 0.5 at 5 queries to 1 at 15, then falls from 0.88 (dv_reward.py).
    if count <= 5:
        return 0.5
    return 0.5 + (count - 5) * 0.05 if count <= 15 else 0.9 - (count - 15) * 0.02


def _length_factor(query: str) -> float:
    return max(LEAST_LENGTH_FACTOR, min(1.0, (len(query.split()) + 2) / FULL_QUERY_TOKENS))


@dataclass(frozen=True)
class OpenEnded:
    """The composite as a combination: the answer term is ignored, its parts are named.

    The tag penalties that the original computes are never applied there, and not here
    (verl/trainer/main_ppo.py:33-37).
    """

    similarity: Similarity = tfidf_similarity
    threshold: float = MATCH_THRESHOLD

    def __call__(self, answer: float, problems: Sequence[str], trace: Trace) -> Parts:
        found = findings(trace.answer)
        asked = queries(trace, get_dialect(trace.dialect))
        unit = SCALE / (FORMAT_WEIGHT + F1_WEIGHT + QUERY_WEIGHT)
        matched = findings_f1(found, trace.golds, self.similarity, self.threshold)
        return Parts(
            answer=unit * F1_WEIGHT * matched,
            format=unit * FORMAT_WEIGHT * findings_form(trace.answer, self.similarity),
            shaping=unit * QUERY_WEIGHT * query_independence(asked, self.similarity),
        )
