"""The facts of a built world as its folder holds them, by what its splits may ask."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Literal

from .relations import RELATIONS

Split = Literal["train", "test"]


@dataclass(frozen=True)
class Fact:
    """One fact with one value."""

    relation: str
    value: str

    def states(self, subject: str) -> str:
        """Return it as a sentence."""
        return RELATIONS[self.relation].states.format(s=subject, o=self.value)


def fact_records(world: Path, split: Split, seed: str) -> list[dict[str, Any]]:
    """Return the entities that questions of a split may be about, shuffled.

    An entity whose fact a test question needs belongs to the test split, any other to the
    train split.

    Args:
        world: folder of a built world.
        split: whose entities.
        seed: of the order.
    """
    hops = (hop for q in _lines(world / "test.jsonl") for hop in q["decomposition"])
    tested = {hop["subject_id"] for hop in hops}
    records = _lines(world / "facts.jsonl")
    chosen = [r for r in records if (r["id"] in tested) == (split == "test")]
    Random(seed).shuffle(chosen)
    return chosen


def single_facts(record: Mapping[str, Any]) -> list[Fact]:
    """Return an entity's facts of one value that its name does not tell."""
    return [
        Fact(relation, str(values[0]))
        for relation, values in record["facts"].items()
        if len(values) == 1
        and not RELATIONS[relation].many
        and str(values[0]) not in record["mention"]
    ]


def hops_of(record: Mapping[str, Any], facts: Sequence[Fact]) -> list[dict[str, Any]]:
    """Return facts as the decomposition of a question about their entity."""
    return [
        {"relation": f.relation, "subject": record["mention"], "values": [f.value]}
        for f in facts
    ]


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)
