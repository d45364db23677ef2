"""Masked questions over a world: MaskSearch's task, with a decomposition for the teacher.

A statement or several about one entity, their objects replaced by `[mask]`; each mask is a
fact to be searched. Real passages are masked by `curation/synthesis/ramp.py`, which asks a
model for the spans; here the facts are known, so no model is needed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Any

from ..questions import Question, write_questions
from .relations import RELATIONS

MASK = "[mask]"
MOST_MASKS = 4
"""Masks of a question (MaskSearch src/RAMP/gen_qa.py:97-103)."""

TASK = (
    "Find out what each mask stands for, and give what you found in order, separated by "
    "semicolons: "
)
"""Our own words."""


def write_masked_questions(world: Path, out: Path, count: int, *, seed: int = 0) -> int:
    """Write masked questions about a world's entities; return how many there are.

    Questions take turns at 1 to 4 masks, as many of each as there are entities for; their
    number stands in `masks`, by which a curriculum orders them. Entities that a test
    question needs are left out.

    Args:
        world: folder of a built world.
        out: the question file to write.
        count: most questions.
        seed: chooses entities and facts.
    """
    random = Random(f"masked {seed}")
    taken = _tested_subjects(world)
    records = [r for r in _lines(world / "facts.jsonl") if r["id"] not in taken]
    random.shuffle(records)
    questions: list[Question] = []
    for record in records:
        if len(questions) == count:
            break
        masks = len(questions) % MOST_MASKS + 1
        facts = _facts(record)
        if len(facts) >= masks:
            questions.append(_question(record, random.sample(facts, masks)))
    write_questions(out, questions)
    return len(questions)


def _tested_subjects(world: Path) -> set[str]:
    hops = (h for q in _lines(world / "test.jsonl") for h in q["decomposition"])
    return {hop["subject_id"] for hop in hops}


def _facts(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return relation and value of the facts that can be masked: one value, told apart."""
    return [
        (relation, str(values[0]))
        for relation, values in record["facts"].items()
        if len(values) == 1
        and not RELATIONS[relation].many
        and str(values[0]) not in record["mention"]
    ]


def _question(record: Mapping[str, Any], facts: list[tuple[str, str]]) -> Question:
    subject = record["mention"]
    statements = (RELATIONS[r].states.format(s=subject, o=MASK) for r, _ in facts)
    return Question(
        id=f"masked-{record['id']}",
        question=TASK + " ".join(statements),
        golds=("; ".join(value for _, value in facts),),
        metadata={
            "kind": "masked",
            "masks": len(facts),
            "decomposition": [
                {"relation": relation, "subject": subject, "values": [value]}
                for relation, value in facts
            ],
        },
    )


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)
