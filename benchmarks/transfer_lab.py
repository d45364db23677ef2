"""What trains a model on re-rendered traces, serves it and lets it answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from desk_runs import roll_out, run_settings
from held_out import Exam

from langgraph_deepsearch.graph.deep_search import create_deep_search_agent
from langgraph_deepsearch.nodes.models.resolve import forget_reasoners
from langgraph_deepsearch.training.base_model import prepare_base_model
from langgraph_deepsearch.training.config import SftConfig
from langgraph_deepsearch.training.serve import Engine, ModelServer
from langgraph_deepsearch.training.sft import train_sft


@dataclass(frozen=True)
class Runs:
    """How a cell's questions are run; see `desk_runs.RunConfig`."""

    settings: Mapping[str, Any]
    concurrency: int
    world_seed: int


class Lab(Protocol):
    """What trains a model and lets it answer; tests put something quicker in its place."""

    def train(self, traces: Path, base: Path | None, out: Path, config: SftConfig) -> None:
        """Train on a trace file; `out` is then the model's folder."""
        ...

    def answer(
        self, model: Path, exams: Sequence[Exam], out: Path, runs: Runs, engine: Engine
    ) -> None:
        """Answer each exam's questions into `out`/NAME/traces.jsonl."""
        ...


class RealLab:
    """The package's own training, and the server that the loop used."""

    def train(self, traces: Path, base: Path | None, out: Path, config: SftConfig) -> None:
        train_sft(traces, base or prepare_base_model(), out, config)

    def answer(
        self, model: Path, exams: Sequence[Exam], out: Path, runs: Runs, engine: Engine
    ) -> None:
        name = f"transfer-{out.parent.name}"
        server = ModelServer(model, name=name, engine=engine, log=out / "server.log")
        forget_reasoners()
        with server:
            for exam in exams:
                place = out / exam.name
                settings = {
                    **run_settings(runs, exam.url, place),
                    "base_url": server.url,
                }
                roll_out(
                    create_deep_search_agent(name, **settings), exam.questions, place, runs
                )
