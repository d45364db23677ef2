"""A stated mix of sources: what share of the sample each gives.

A mix names sources, or `single-hop` and `multi-hop` for all sources of that kind. Shares
hold for the result, not for what went in: questions with many interrogative words are
preferred within a source, not between sources.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from math import isfinite

from .candidates import Candidate, SamplingError

SINGLE_HOP, MULTI_HOP = "single-hop", "multi-hop"

HOPS = {
    "nq": SINGLE_HOP,
    "naturalquestions": SINGLE_HOP,
    "simpleqa": SINGLE_HOP,
    "triviaqa": SINGLE_HOP,
    "popqa": SINGLE_HOP,
    "webquestions": SINGLE_HOP,
    "hotpotqa": MULTI_HOP,
    "2wiki": MULTI_HOP,
    "2wikimultihopqa": MULTI_HOP,
    "musique": MULTI_HOP,
    "multihoprag": MULTI_HOP,
    "bamboogle": MULTI_HOP,
    "frames": MULTI_HOP,
}
"""Known sources. The paper trains on NQ and SimpleQA (single-hop), HotpotQA,
2WikiMultiHopQA, MuSiQue and MultiHopRAG (multi-hop)."""


def hops_of(source: str) -> str:
    """Return the kind of a source, empty when it is not known.

    >>> hops_of("HotpotQA"), hops_of("2wiki_train"), hops_of("NQ"), hops_of("mine")
    ('multi-hop', 'multi-hop', 'single-hop', '')
    """
    name = "".join(sign for sign in source.lower() if sign.isalnum())
    found = HOPS.get(name)
    if found:
        return found
    known = (kind for prefix, kind in HOPS.items() if name.startswith(prefix))
    return next(known, "") if len(name) > 2 else ""


def parse_mix(parts: Iterable[str]) -> dict[str, float]:
    """Read `NAME=SHARE` parts.

    Raises:
        SamplingError: no number, or one that is not above 0.

    >>> parse_mix(["nq=0.3", "multi-hop=0.7"])
    {'nq': 0.3, 'multi-hop': 0.7}
    """
    mix: dict[str, float] = {}
    for part in parts:
        name, _, share = part.partition("=")
        try:
            mix[name.strip()] = float(share)
        except ValueError as error:
            msg = f"--mix takes NAME=SHARE such as nq=0.3, not {part!r}"
            raise SamplingError(msg) from error
        if not (isfinite(mix[name.strip()]) and mix[name.strip()] > 0):
            msg = f"the share of {name.strip()} must be above 0, not {share}"
            raise SamplingError(msg)
    return mix


def group_by_mix(
    pool: Sequence[Candidate], mix: Mapping[str, float]
) -> dict[str, list[int]]:
    """Return the positions of each group of a mix; without one there is one group, ``.

    A source belongs to the group of its own name, else to that of its kind; sources that
    the mix does not mention are left out.

    Raises:
        SamplingError: no question belongs to a group of the mix.
    """
    if not mix:
        return {"": list(range(len(pool)))}
    groups: dict[str, list[int]] = {name: [] for name in mix}
    of_source: dict[str, str] = {}
    for position, candidate in enumerate(pool):
        source = candidate.source
        if source not in of_source:
            of_source[source] = _group_of(source, mix)
        if of_source[source]:
            groups[of_source[source]].append(position)
    empty = [name for name, positions in groups.items() if not positions]
    if empty:
        have = ", ".join(sorted(of_source)) or "none"
        msg = f"no question of {', '.join(empty)} in the mix; the sources are: {have}"
        raise SamplingError(msg)
    return groups


def _group_of(source: str, mix: Collection[str]) -> str:
    by_name = {name.lower(): name for name in mix}
    return by_name.get(source.lower()) or by_name.get(hops_of(source)) or ""
