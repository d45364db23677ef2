"""The graph as environment: a step's questions in, rewarded rollouts as tokens out."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langgraph.graph.state import CompiledStateGraph

from ..errors import DeepSearchError
from ..evals.judge import Judge
from ..evals.metrics import outcome
from ..graph.rollout import RolloutEngine
from ..trace import Trace, read_traces
from .advantages import is_informative
from .curriculum import PlannedQuestion, get_curriculum
from .policy_rows import PolicyRow, policy_row
from .rewards import Parts, Reward, get_reward
from .rewards.overlong import SoftOverlong
from .rl_config import RlConfig

if TYPE_CHECKING:
    from .rollout_memory import RolloutMemory

ATTEMPTS = 3
"""Times that rollouts which broke on infrastructure are run before the step fails."""

SEED_STRIDE = 1_000_003
"""Keeps the seeds of steps apart."""

FIGURES = (
    *("answer", "format", "shaping", "f1", "em"),
    *("searches", "recalls", "turns", "written"),
)
"""What is reported of each rollout beside its reward."""


class RolloutsError(DeepSearchError):
    """A step's rollouts could not be made."""


@dataclass
class Group:
    """The rollouts of one planned question."""

    planned: PlannedQuestion
    traces: list[Trace] = field(default_factory=list)
    parts: list[Parts] = field(default_factory=list)

    @property
    def is_informative(self) -> bool:
        """Whether the rewards differ, so that there is something to learn."""
        return is_informative([part.total for part in self.parts])


class GraphRollouts:
    """Runs the graph for TRL: its `rollout_func`.

    Every step's rollouts are written to a file of their own in `folder`, one for each
    process, so that they can be looked at and counted afterwards.

    Args:
        graph: from `create_deep_search_agent`, without a checkpointer.
        plan: the questions of all steps; TRL's prompts are positions in it.
        config: the settings.
        tokenizer: the policy's.
        folder: where the traces go.
        model_name: gives the served name of the newest policy.
        settings: settings of every run; server, search and budgets.
        max_length: most tokens of a rollout, prompt included.
        judge: asked where a reward needs a verdict.
        memory: takes each step's right rollouts, to be memorized.
        rank: number of this process.
        processes: how many there are.
    """

    def __init__(
        self,
        graph: CompiledStateGraph,
        plan: Sequence[PlannedQuestion],
        config: RlConfig,
        tokenizer: Any,
        folder: Path,
        *,
        model_name: Callable[[], str],
        settings: Mapping[str, Any],
        max_length: int | None = None,
        judge: Judge | None = None,
        memory: RolloutMemory | None = None,
        rank: int = 0,
        processes: int = 1,
    ) -> None:
        self._graph = graph
        self._plan = plan
        self._config = config
        self._tokenizer = tokenizer
        self._folder = folder
        self._model_name = model_name
        self._settings = dict(settings)
        self._max_length = max_length
        self._judge = judge
        self._memory = memory
        self._rank, self._processes = rank, processes

    def __call__(self, prompts: Sequence[str], trainer: Any) -> dict[str, Any]:
        """Return a step's rollouts, group by group, as TRL takes them.

        Args:
            prompts: positions in the plan, each as often as its question is run.
            trainer: TRL's; its state tells the step.
        """
        step = trainer.state.global_step // self._config.updates
        groups = self._groups(step, prompts)
        if self._memory is not None:
            self._memory.remember(step, [group.traces for group in groups])
        rows = [
            policy_row(trace, self._tokenizer, max_length=self._max_length)
            for group in groups
            for trace in group.traces
        ]
        return {**_columns(rows), **_figures(groups)}

    def forget_from(self, step: int) -> None:
        """Remove every process's rollouts of a step and all later ones, to be made again."""
        for path in self._folder.glob("step-*.jsonl"):
            if int(path.stem.split("-")[1]) >= step:
                path.unlink()
        if self._memory is not None:
            self._memory.forget_from(step)

    def _groups(self, step: int, prompts: Sequence[str]) -> list[Group]:
        wanted = [self._plan[int(p)] for p, _ in groupby(prompts)]
        size = len(prompts) // len(wanted)
        groups = self._run(step, 0, wanted, size)
        for attempt in range(1, self._config.resampling_rounds + 1):
            flat = [i for i, group in enumerate(groups) if not group.is_informative]
            others = self._others(step, attempt, groups, len(flat))
            for index, fresh in zip(
                flat, self._run(step, attempt, others, size), strict=False
            ):
                if fresh.is_informative:
                    groups[index] = fresh
        return groups

    def _others(
        self, step: int, attempt: int, groups: Sequence[Group], count: int
    ) -> list[PlannedQuestion]:
        """Return questions of the step's stages that are not in it, for dynamic sampling."""
        if not count:
            return []
        stages = {group.planned.stage for group in groups}
        size = self._config.questions_per_step
        asked = {p.question.id for p in self._plan[step * size : (step + 1) * size]}
        free = {
            p.question.id: p
            for p in self._plan
            if p.stage in stages and p.question.id not in asked
        }
        seed = f"{self._config.seed}/{step}"
        order = random.Random(seed).sample(sorted(free), len(free))
        # A process has a share of its own, and a round goes on where the one before ended:
        # no question is in a step twice.
        first = (attempt - 1) * len(groups)
        own = order[self._rank :: self._processes][first : first + count]
        return [free[key] for key in own]

    def _run(
        self, step: int, attempt: int, wanted: Sequence[PlannedQuestion], size: int
    ) -> list[Group]:
        if not wanted:
            return []
        file = f"step-{step:05}-{self._rank}-{attempt}.jsonl"
        engine = RolloutEngine(
            self._graph,
            self._folder,
            context={**self._settings, **self._sampling(), "model": self._model_name()},
            concurrency=self._config.concurrency,
            seed=self._config.seed + SEED_STRIDE * (step + 1) + self._rank,
            scorer=outcome,
            trace_file=file,
            episode=self._episode(step),
        )
        for _ in range(ATTEMPTS):
            if not engine.run([p.question for p in wanted], size).failed:
                break
        else:
            msg = (
                f"rollouts of step {step} failed {ATTEMPTS} times, see "
                f"{self._folder / 'failures.jsonl'}; mend that and run the same command again"
            )
            raise RolloutsError(msg)
        traces = {trace.id: trace for trace in read_traces(self._folder / file)}
        groups = [
            Group(p, [traces[f"{p.question.id}/{i}"] for i in range(size)]) for p in wanted
        ]
        return [self._rewarded(group) for group in groups]

    def _episode(self, step: int) -> dict[str, Any]:
        """Return what a simulated search engine is told of the training."""
        steps = self._config.steps
        noise = get_curriculum(self._config.curriculum).noise
        told = {"training_step": step, "training_steps": steps}
        return told if noise is None else {**told, "noise": noise.at(step, steps)}

    def _sampling(self) -> dict[str, Any]:
        plain = {"top_p": 1.0, "sampling_top_k": -1, "repetition_penalty": 1.0}
        return {**plain, "temperature": self._config.temperature}

    def _rewarded(self, group: Group) -> Group:
        reward: Reward = get_reward(group.planned.reward)
        if self._config.overlong_tokens is not None:
            reward = reward.with_terms(SoftOverlong(self._config.overlong_tokens))
        if reward.needs_judge:
            group.traces = self._judged(group.traces)
        group.parts = reward.score(group.traces)
        return group

    def _judged(self, traces: list[Trace]) -> list[Trace]:
        if self._judge is None:
            return traces  # the reward says what is missing
        judged, _ = asyncio.run(self._judge.judge_traces(traces))
        # An unreadable verdict is no right answer.
        return [
            trace.model_copy(update={"outcome": {"judge": 0.0, **trace.outcome}})
            for trace in judged
        ]


def _columns(rows: Sequence[PolicyRow]) -> dict[str, list[Any]]:
    return {
        "prompt_ids": [row.prompt_ids for row in rows],
        "completion_ids": [row.completion_ids for row in rows],
        "logprobs": [row.logprobs for row in rows],
        "env_mask": [row.env_mask for row in rows],
    }


def _figures(groups: Sequence[Group]) -> dict[str, list[float]]:
    """Return the rewards and what is reported beside them, a value a rollout."""
    both = [
        (trace, part)
        for group in groups
        for trace, part in zip(group.traces, group.parts, strict=True)
    ]
    return {
        "reward": [part.total for _, part in both],
        "answer": [part.answer for _, part in both],
        "format": [part.format for _, part in both],
        "shaping": [part.shaping for _, part in both],
        "f1": [trace.outcome.get("f1", 0.0) for trace, _ in both],
        "em": [trace.outcome.get("em", 0.0) for trace, _ in both],
        "searches": [float(trace.usage.searches) for trace, _ in both],
        "recalls": [float(trace.usage.recalls) for trace, _ in both],
        "turns": [float(trace.usage.turns) for trace, _ in both],
        "written": [float(trace.usage.completion_tokens) for trace, _ in both],
    }
