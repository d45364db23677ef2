"""Algorithm 1 of the paper: diversity-aware query sampling, with its ablations.

Each domain gives an equal share; in a domain the questions with most interrogative words
come first, and those that repeat a key point wait for a later pass.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from random import Random

from .candidates import Candidate, SamplingError
from .diversity import pick_diverse
from .quotas import equal_quotas

CRITERIA = ("domain", "keywords", "interrogatives")
"""What can be left out, after the first three rows of the paper's Table 3: domain
diversity, keyword diversity, coverage of interrogative words."""

ALL = "all"
"""The one domain there is without domain diversity."""

OTHER = "other"
"""Where domains that are too small are put together (query_sampling.py:79)."""


def sample_diverse(
    pool: Sequence[Candidate],
    target: int,
    *,
    without: Collection[str] = (),
    counts_as: Mapping[str, str] | None = None,
    redistribute: bool = True,
    seed: int | None = None,
) -> list[int]:
    """Return the positions that Algorithm 1 selects, domain by domain in sorted order.

    The same for the same input and seed. Fewer than the target only where the pool, or
    without redistribution a domain, holds fewer.

    Args:
        pool: the candidates, in the order that decides between equals.
        target: questions wanted in all.
        without: criteria of `CRITERIA` to leave out. Without interrogative words the
            order within a domain is random; without keywords a domain takes one pass.
        counts_as: what each domain counts as, where some are put together; see
            `merged_domains`.
        redistribute: other domains make up for one that is short.
        seed: shuffles equals; None keeps the pool's order, as Algorithm 1 has it.

    Raises:
        SamplingError: an unknown criterion.
    """
    check_criteria(without)
    domains = _by_domain(pool, counts_as or {}, is_one="domain" in without)
    sizes = {name: len(positions) for name, positions in domains.items()}
    quotas = equal_quotas(sizes, target, redistribute=redistribute)
    chosen: list[int] = []
    for name, quota in quotas.items():
        order = _in_order(pool, domains[name], without, seed)
        points = ([] if "keywords" in without else pool[p].key_points for p in order)
        chosen += [order[place] for place in pick_diverse(points, quota)]
    return chosen


def check_criteria(names: Collection[str]) -> None:
    """Refuse a name that is no criterion.

    Raises:
        SamplingError: names it, and those there are.
    """
    unknown = sorted(set(names) - set(CRITERIA))
    if unknown:
        msg = f"there is no criterion {unknown[0]!r}; there are: {', '.join(CRITERIA)}"
        raise SamplingError(msg)


def merged_domains(pool: Sequence[Candidate], min_domain: int) -> dict[str, str]:
    """Return what each domain counts as: itself, or `other` where it is too small.

    Args:
        pool: all candidates, whatever groups they are then chosen from.
        min_domain: questions that a domain of its own has at least; SimpleDeepSearcher's
            code has 500.
    """
    sizes = Counter(candidate.domain for candidate in pool)
    return {
        name: OTHER if size < min_domain else name for name, size in sorted(sizes.items())
    }


def _by_domain(
    pool: Sequence[Candidate], counts_as: Mapping[str, str], *, is_one: bool
) -> dict[str, list[int]]:
    if is_one:
        return {ALL: list(range(len(pool)))} if pool else {}
    domains: defaultdict[str, list[int]] = defaultdict(list)
    for position, candidate in enumerate(pool):
        name = counts_as.get(candidate.domain, candidate.domain)
        domains[name].append(position)
    return dict(domains)


def _in_order(
    pool: Sequence[Candidate],
    positions: list[int],
    without: Collection[str],
    seed: int | None,
) -> list[int]:
    order = list(positions)
    if seed is not None or "interrogatives" in without:
        Random(seed or 0).shuffle(order)
    if "interrogatives" not in without:
        order.sort(key=lambda position: -pool[position].interrogatives)
    return order
