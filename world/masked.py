"""Masked questions over a world: MaskSearch's task, with a decomposition for the teacher.

A statement or several about one entity, their objects replaced by `[mask]`; each mask is a
fact to be searched. Real passages are masked by `curation/synthesis/ramp.py`, which asks a
model for the spans; here the facts are known, so no model is needed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

from ..questions import Question, write_questions
from .fact_records import Fact, fact_records, hops_of, single_facts

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
    random = Random(f"masks {seed}")
    questions: list[Question] = []
    for record in fact_records(world, "train", f"masked {seed}"):
        if len(questions) == count:
            break
        masks = len(questions) % MOST_MASKS + 1
        facts = single_facts(record)
        if len(facts) >= masks:
            questions.append(_question(record, random.sample(facts, masks)))
    write_questions(out, questions)
    return len(questions)


def _question(record: Mapping[str, Any], facts: Sequence[Fact]) -> Question:
    masked = (replace(fact, value=MASK).states(record["mention"]) for fact in facts)
    return Question(
        id=f"masked-{record['id']}",
        question=TASK + " ".join(masked),
        golds=("; ".join(fact.value for fact in facts),),
        metadata={
            "kind": "masked",
            "masks": len(facts),
            "decomposition": hops_of(record, facts),
        },
    )
