"""How many questions each group gives."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction


def equal_quotas(
    sizes: Mapping[str, int], target: int, *, redistribute: bool = True
) -> dict[str, int]:
    """Share a target equally among domains (Algorithm 1: N / m each).

    What does not divide goes to the first domains in sorted order. A domain that holds
    less than its share gives all it has, and with `redistribute` the others share what it
    lacks. SimpleDeepSearcher's code waits for such a domain forever
    (query_sampling.py:184-185), and the order of a set decides who gets the remainder.

    Args:
        sizes: questions of each domain.
        target: questions wanted in all.
        redistribute: share out what small domains lack; else the sum falls short.

    Returns:
        Quotas in sorted order of the domains, none above its size.

    >>> equal_quotas({"film": 9, "law": 1, "art": 9}, 10)
    {'art': 5, 'film': 4, 'law': 1}
    >>> equal_quotas({"film": 9, "law": 1, "art": 9}, 10, redistribute=False)
    {'art': 4, 'film': 3, 'law': 1}
    """
    shares = dict.fromkeys(sizes, 1.0)
    return share_out(sizes, shares, target, redistribute=redistribute)


def share_out(
    sizes: Mapping[str, int],
    shares: Mapping[str, float],
    target: int,
    *,
    redistribute: bool = True,
) -> dict[str, int]:
    """Share a target among groups in proportion to their shares, none above its size.

    Args:
        sizes: questions that each group has.
        shares: weight of each group, above 0; their sum does not matter.
        target: questions wanted in all.
        redistribute: give what small groups lack to the others.

    Returns:
        Quotas in sorted order of the groups.

    >>> share_out({"multi": 90, "single": 90}, {"multi": 0.7, "single": 0.3}, 10)
    {'multi': 7, 'single': 3}
    """
    quotas = dict.fromkeys(sorted(sizes), 0)
    open_groups, left = list(quotas), max(0, target)
    while open_groups and left:
        wanted = _apportion({name: shares[name] for name in open_groups}, left)
        short = [name for name in open_groups if sizes[name] < wanted[name]]
        if not short or not redistribute:
            quotas.update({n: min(sizes[n], wanted[n]) for n in open_groups})
            break
        # Those that fall short give all they have; the rest is shared out again.
        for name in short:
            quotas[name] = sizes[name]
            left -= sizes[name]
            open_groups.remove(name)
    return quotas


def _apportion(shares: Mapping[str, float], target: int) -> dict[str, int]:
    """Return whole numbers that sum to the target, by largest remainder."""
    # Exact fractions, so that equal shares leave equal remainders.
    weights = {name: Fraction(share) for name, share in shares.items()}
    total = sum(weights.values())
    exact = {name: weight * target / total for name, weight in weights.items()}
    whole = {name: int(value) for name, value in exact.items()}
    # A stable sort: of equal remainders the first groups get the extra one.
    by_remainder = sorted(whole, key=lambda name: whole[name] - exact[name])
    for name in by_remainder[: target - sum(whole.values())]:
        whole[name] += 1
    return whole
