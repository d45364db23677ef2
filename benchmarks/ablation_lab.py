"""A cell of the curation comparison: its settings, and what trains and asks its model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from ablation_table import ARMS
from desk_runs import (
    EVALUATION_SECONDS,
    TOKENS_PER_TRACE,
    TRAINED_PER_SECOND,
    roll_out,
    run_settings,
)

from langgraph_deepsearch.graph.deep_search import create_deep_search_agent
from langgraph_deepsearch.loop import PRESETS
from langgraph_deepsearch.nodes.models.resolve import forget_reasoners
from langgraph_deepsearch.questions import Question
from langgraph_deepsearch.training.base_model import prepare_base_model
from langgraph_deepsearch.training.config import SftConfig
from langgraph_deepsearch.training.reload import load_adapter, unload_adapter
from langgraph_deepsearch.training.serve import ModelServer
from langgraph_deepsearch.training.sft import train_sft
from langgraph_deepsearch.world.teacher import TeacherErrors

DESK = PRESETS["desk"]

CHECKPOINT_STEPS = 50
"""Of a cell's 50 or 100: a checkpoint takes 3 s, as long as two steps."""


@dataclass(frozen=True)
class Config:
    """Sizes and settings; a directory keeps those it was started with."""

    pages: int = 3000
    train_questions: int = 800
    test_questions: int = DESK.test_questions
    teacher_rollouts: int = 4
    """As many as the preset's difficulty rule needs to measure anything."""
    sizes: tuple[int, ...] = (100, 200)
    seeds: tuple[int, ...] = (0, 1, 2)
    arms: tuple[str, ...] = tuple(ARMS)
    preset: str = "desk"
    errors: TeacherErrors = field(
        default_factory=lambda: TeacherErrors(
            hedging=0.15, repeated_query=0.15, wrong_first_query=0.15, early_answer=0.15
        )
    )
    spaced_answers: bool = True
    """As in the loop: a space before each answer (see the teacher)."""
    world_seed: int = 0
    epochs: float = DESK.training.epochs
    equal_tokens: bool = False
    """Whether small cells repeat their traces, to be trained as long as the largest."""
    lora_rank: int = 0
    """Rank of the adapters that are trained; 0: all weights are."""
    learning_rate: float = DESK.training.learning_rate
    concurrency: int = DESK.concurrency
    settings: Mapping[str, Any] = field(default_factory=lambda: dict(DESK.settings))

    def for_cell(self, cell: Cell) -> Config:
        """Return the settings of a cell's training."""
        if not self.equal_tokens:
            return self
        return replace(self, epochs=self.epochs * max(self.sizes) / cell.size)


@dataclass(frozen=True)
class Cell:
    """One training and one evaluation."""

    arm: str
    size: int
    seed: int

    @property
    def name(self) -> str:
        return f"{self.arm}-n{self.size}-s{self.seed}"


def guessed_seconds(cell: Cell, config: Config) -> float:
    """Return about how long a cell takes, before any was measured."""
    tokens = cell.size * TOKENS_PER_TRACE * config.for_cell(cell).epochs
    share = config.test_questions / DESK.test_questions
    return tokens / TRAINED_PER_SECOND + EVALUATION_SECONDS * share


class Lab(Protocol):
    """What trains a model and lets it answer; tests put something quicker in its place."""

    def train(self, traces: Path, out: Path, seed: int, config: Config) -> Path:
        """Train on a trace file and return the model's folder."""
        ...

    def answer(
        self,
        model: Path,
        questions: Sequence[Question],
        out: Path,
        config: Config,
        url: str,
    ) -> None:
        """Answer the questions with the model into `out`/traces.jsonl."""
        ...


class RealLab:
    """The packaged base model, the package's own training, vLLM where it is installed.

    A context manager: one server answers for all adapters, until it ends.
    """

    def __init__(
        self, engine: str, base_model: Path | None, training: SftConfig = DESK.training
    ) -> None:
        self._engine: Any = engine
        self._given = base_model
        self._training = training
        self._open = ExitStack()
        self._shared: ModelServer | None = None

    def __enter__(self) -> RealLab:
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()

    def _base(self) -> Path:
        return self._given or prepare_base_model()

    def train(self, traces: Path, out: Path, seed: int, config: Config) -> Path:
        settings = replace(
            self._training,
            seed=seed,
            epochs=config.epochs,
            lora_rank=config.lora_rank,
            learning_rate=config.learning_rate,
            save_steps=CHECKPOINT_STEPS,
        )
        train_sft(traces, self._base(), out, settings)
        return out

    def answer(
        self,
        model: Path,
        questions: Sequence[Question],
        out: Path,
        config: Config,
        url: str,
    ) -> None:
        name = f"ablation-{out.parent.name}"
        forget_reasoners()
        with ExitStack() as stack:
            if config.lora_rank:
                server = self._server_of_adapters(out, config)
                load_adapter(server.url, name, model)
                stack.callback(unload_adapter, server.url, name)
            else:
                server = stack.enter_context(
                    ModelServer(
                        model, name=name, engine=self._engine, log=out / "server.log"
                    )
                )
            settings = {**run_settings(config, url, out), "base_url": server.url}
            agent = create_deep_search_agent(name, **settings)
            roll_out(agent, questions, out, config)

    def _server_of_adapters(self, out: Path, config: Config) -> ModelServer:
        if self._shared is None:
            self._shared = self._open.enter_context(
                ModelServer(
                    self._base(),
                    name="base",
                    engine="vllm",
                    lora=True,
                    max_lora_rank=max(16, config.lora_rank),
                    log=out.parent / "server.log",
                )
            )
        return self._shared
