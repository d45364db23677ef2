"""The questions that models of a finished loop are compared on: its own, and more of the kind."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from finished_loop import FinishedLoop

from langgraph_deepsearch.errors import DeepSearchError
from langgraph_deepsearch.questions import Question, read_questions
from langgraph_deepsearch.world.build import build_world
from langgraph_deepsearch.world.server import serve_world

EXTRA_SEED = 1000
"""Seed of the second world."""

SPARE = 1.1
"""Questions drawn of it for each one needed: some may be known from training."""


@dataclass(frozen=True)
class Exam:
    """Questions on one served world."""

    name: str
    questions: Sequence[Question]
    url: str


class HeldOut:
    """Test questions of loops, made up to a number from a second world that all share.

    Args:
        extra_world: folder of the second world; built when it is needed.
        loops: the loops; no question of theirs for training is asked.
        count: how many questions each loop's models answer.
    """

    def __init__(
        self, extra_world: Path, loops: Sequence[FinishedLoop], count: int
    ) -> None:
        self._extra_world = extra_world
        self._loops = loops
        self._count = count

    def own(self, loop: FinishedLoop) -> list[Question]:
        """Return the questions that are the loop's own."""
        return loop.test_questions()[: self._count]

    def extra(self, loop: FinishedLoop) -> list[Question]:
        """Return the questions that are missing then.

        Raises:
            DeepSearchError: the second world has too few.
        """
        own = len(self.own(loop))
        needed = self._count - own
        if needed <= 0:
            return []
        self._build(loop.pages)
        known = {q.question for one in self._loops for q in one.train_questions()}
        drawn = read_questions(self._extra_world / "test.jsonl")
        fresh = [replace(q, id=f"extra-{q.id}") for q in drawn if q.question not in known]
        if len(fresh) < needed:
            msg = (
                f"there are {own + len(fresh)} test questions, fewer than {self._count}: "
                "lower --questions"
            )
            raise DeepSearchError(msg)
        return fresh[:needed]

    def exams(self, loop: FinishedLoop, stack: ExitStack, *, skips_own: bool) -> list[Exam]:
        """Serve the worlds that a loop's questions are asked on, as long as the stack lasts."""
        own, extra = self.own(loop), self.extra(loop)
        worlds = [] if skips_own else [("own", own, loop.world)]
        worlds += [("extra", extra, self._extra_world)] if extra else []
        return [
            Exam(name, questions, stack.enter_context(serve_world(world)).url)
            for name, questions, world in worlds
        ]

    def _build(self, pages: int) -> None:
        if (self._extra_world / "world.json").is_file():
            return
        most = max(self._count - len(self.own(loop)) for loop in self._loops)
        build_world(
            self._extra_world,
            pages=pages,
            seed=EXTRA_SEED,
            train_questions=0,
            test_questions=round(most * SPARE) + 1,
        )
