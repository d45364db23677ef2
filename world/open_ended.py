"""Open-ended questions over a world: what is known of an entity, as a list of findings.

After O2-Searcher's open questions (arXiv 2505.16582), whose key findings a model wrote down
from web pages; here they are facts of the world.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

from ..questions import OPEN_ENDED, Question, write_questions
from .fact_records import Fact, Split, fact_records, hops_of, single_facts

FEWEST_FINDINGS, MOST_FINDINGS = 2, 4
"""Findings of a question; each takes the teacher a search."""

TASK = "What is known about {subject}? List the key findings, one a line."
"""Our own words."""


def write_open_questions(
    world: Path, out: Path, count: int, *, split: Split, seed: int = 0
) -> int:
    """Write open-ended questions about a world's entities; return how many there are.

    Args:
        world: folder of a built world.
        out: the question file to write.
        count: most questions.
        split: train: about entities that no test question needs; test: about the others.
        seed: chooses entities and facts.
    """
    random = Random(f"findings {seed}")
    questions: list[Question] = []
    for record in fact_records(world, split, f"open {seed}"):
        facts = single_facts(record)
        if len(questions) < count and len(facts) >= FEWEST_FINDINGS:
            wanted = random.sample(facts, min(len(facts), MOST_FINDINGS))
            questions.append(_question(record, wanted))
    write_questions(out, questions)
    return len(questions)


def _question(record: Mapping[str, Any], facts: Sequence[Fact]) -> Question:
    return Question(
        id=f"open-{record['id']}",
        question=TASK.format(subject=record["mention"]),
        golds=tuple(fact.states(record["mention"]) for fact in facts),
        metadata={"kind": OPEN_ENDED, "decomposition": hops_of(record, facts)},
    )
