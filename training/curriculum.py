"""Schedules of reinforcement learning as data: stages, noise, mask counts."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import DeepSearchError
from ..questions import Question
from ..tools.noise import NoiseSchedule

__all__ = [
    "CURRICULA",
    "Curriculum",
    "CurriculumError",
    "NoiseSchedule",
    "PlannedQuestion",
    "Stage",
    "get_curriculum",
    "plan_questions",
]

STAGE_1_QUESTIONS, STAGE_2_QUESTIONS = 350, 8148
"""Questions of R1-Searcher's two stages (its README)."""


class CurriculumError(DeepSearchError):
    """No curriculum has that name, or the questions do not fit it."""


@dataclass(frozen=True)
class Stage:
    """A stretch of training with questions and a reward of its own."""

    name: str
    weight: float = 1.0
    """Its share of the steps, in proportion to the other stages'."""
    reward: str | None = None
    """Name of its reward; None: the run's."""
    key: str = ""
    """Metadata of a question that is looked at; empty: every question fits."""
    values: tuple[object, ...] = ()
    """Values of that metadata that fit."""
    takes_unnamed: bool = False
    """Whether a question without that metadata fits too."""

    def takes(self, question: Question) -> bool:
        """Tell whether a question belongs to the stage."""
        if not self.key or (self.takes_unnamed and self.key not in question.metadata):
            return True
        return question.metadata.get(self.key) in self.values


@dataclass(frozen=True)
class Curriculum:
    """The order of a training."""

    name: str
    stages: tuple[Stage, ...] = (Stage("all"),)
    noise: NoiseSchedule | None = None
    """How often a simulated search engine misleads; None: as its own settings say."""
    source: str = ""


def _r1_searcher_stage(name: str, number: int, questions: int) -> Stage:
    return Stage(
        name,
        weight=questions,
        reward=f"r1_searcher_stage{number}",
        key="stage",
        values=(number, str(number)),
        takes_unnamed=True,
    )


CURRICULA = {
    one.name: one
    for one in (
        Curriculum("plain"),
        Curriculum(
            "r1_searcher",
            (
                _r1_searcher_stage("retrieval", 1, STAGE_1_QUESTIONS),
                _r1_searcher_stage("answer", 2, STAGE_2_QUESTIONS),
            ),
            source="R1-Searcher README and reward servers, Llama; that questions without a "
            "`stage` are asked in both is ours",
        ),
        Curriculum(
            "zero_search",
            noise=NoiseSchedule(),
            source="ZeroSearch llm_agent/generation.py:540-548",
        ),
        Curriculum(
            "mask_search",
            tuple(Stage(f"{n} masks", key="masks", values=(n,)) for n in (1, 2, 3, 4)),
            source="MaskSearch section 3: few masks first; equal shares are ours",
        ),
    )
}
"""By name. `plain` takes the questions as they come, every step alike."""


def get_curriculum(name: str) -> Curriculum:
    """Return the curriculum of that name.

    Raises:
        CurriculumError: there is none; the message lists the names.
    """
    if name not in CURRICULA:
        msg = f"unknown curriculum {name!r}; known: {', '.join(CURRICULA)}"
        raise CurriculumError(msg)
    return CURRICULA[name]


@dataclass(frozen=True)
class PlannedQuestion:
    """One place of the plan: a question, and what its rollouts are rewarded by."""

    question: Question
    stage: str
    reward: str


def plan_questions(
    questions: Sequence[Question],
    curriculum: Curriculum,
    *,
    steps: int,
    per_step: int,
    reward: str,
    seed: int = 0,
) -> list[PlannedQuestion]:
    """Return the questions of every step in order, `per_step` of each.

    Stages follow each other; within one, questions come in a shuffled order, and again in
    another when there are fewer than places. A question is at most once in a step.

    Raises:
        CurriculumError: a stage has fewer questions than a step needs.
    """
    plan: list[PlannedQuestion] = []
    generator = random.Random(seed)
    for stage, count in zip(
        curriculum.stages, _shares(curriculum.stages, steps), strict=True
    ):
        own = [question for question in questions if stage.takes(question)]
        if count and len(own) < per_step:
            where = f" with {stage.key} in {stage.values}" if stage.key else ""
            msg = (
                f"stage {stage.name!r} has {len(own)} questions{where}, a step needs "
                f"{per_step}; give more, or lower questions_per_step"
            )
            raise CurriculumError(msg)
        drawn = _drawn(own, count, per_step, generator)
        plan += [PlannedQuestion(q, stage.name, stage.reward or reward) for q in drawn]
    return plan


def shared_stages(questions: Sequence[Question], curriculum: Curriculum) -> str:
    """Return a line where stages ask the same questions, since none names its stage."""
    keys = {stage.key for stage in curriculum.stages if stage.takes_unnamed}
    unnamed = [q for q in questions if not keys & set(q.metadata)]
    if not keys or not unnamed:
        return ""
    key = ", ".join(sorted(keys))
    return (
        f"{len(unnamed)} of {len(questions)} questions name no `{key}` and are asked in "
        "every stage"
    )


def _shares(stages: Sequence[Stage], steps: int) -> list[int]:
    """Return the steps of each stage: at least one while there are enough."""
    total = sum(stage.weight for stage in stages)
    ends, done = [], 0.0
    for stage in stages:
        done += stage.weight
        ends.append(round(steps * done / total))
    for index in range(len(ends)):
        least = (ends[index - 1] if index else 0) + 1
        most = steps - (len(ends) - 1 - index)
        ends[index] = max(0, min(max(ends[index], least), max(most, 0)))
    ends[-1] = steps
    return [end - (ends[i - 1] if i else 0) for i, end in enumerate(ends)]


def _drawn(
    questions: Sequence[Question], steps: int, per_step: int, generator: random.Random
) -> list[Question]:
    drawn: list[Question] = []
    waiting: list[Question] = []
    for _ in range(steps):
        step: list[Question] = []
        while len(step) < per_step:
            if not waiting:
                waiting = generator.sample(questions, len(questions))
            fresh = next((q for q in waiting if q not in step), None)
            if fresh is None:
                waiting = []
                continue
            waiting.remove(fresh)
            step.append(fresh)
        drawn += step
    return drawn
