"""A finished `deepsearch loop` directory, as another benchmark goes on from it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from langgraph_deepsearch.errors import DeepSearchError
from langgraph_deepsearch.graph.rollout import MANIFEST_FILE
from langgraph_deepsearch.questions import Question, read_questions
from langgraph_deepsearch.stages import STAGES_FILE
from langgraph_deepsearch.trace import Trace, read_traces
from langgraph_deepsearch.training.config import SftConfig, parse_config
from langgraph_deepsearch.training.serve import Engine


@dataclass(frozen=True)
class FinishedLoop:
    """What a loop was given, and what it left."""

    directory: Path
    manifest: Mapping[str, Any]
    """Its `LoopConfig` as JSON."""
    stages: Mapping[str, Any]
    dialect: str
    """What its traces speak."""

    @property
    def name(self) -> str:
        return self.directory.name

    @property
    def world(self) -> Path:
        return self.directory / "world"

    @property
    def curated(self) -> Path:
        return self.directory / "curated.jsonl"

    @property
    def model(self) -> Path:
        return self.directory / "model"

    @property
    def settings(self) -> dict[str, Any]:
        """Settings of every run."""
        return dict(self.manifest["settings"])

    @property
    def training(self) -> SftConfig:
        """How its model was trained."""
        return parse_config(self.manifest["training"], f"{self.directory}/{MANIFEST_FILE}")

    @property
    def base_model(self) -> Path | None:
        """What its training started from; None: the packaged model."""
        given = self.manifest["base_model"]
        return Path(given) if given else None

    @property
    def concurrency(self) -> int:
        return int(self.manifest["concurrency"])

    @property
    def world_seed(self) -> int:
        return int(self.manifest["seed"])

    @property
    def pages(self) -> int:
        return int(self.manifest["pages"])

    @property
    def engine(self) -> Engine:
        """What served its model."""
        return self.stages["after"]["engine"]

    @property
    def training_seconds(self) -> float:
        return float(self.stages["training"]["seconds"])

    @property
    def answering_seconds(self) -> float:
        """Time of its test questions, the start of the server included."""
        return float(self.stages["after"]["seconds"])

    def train_questions(self) -> list[Question]:
        return read_questions(self.world / "train.jsonl")

    def test_questions(self) -> list[Question]:
        return read_questions(self.world / "test.jsonl")

    def answered(self) -> list[Trace]:
        """Return its trained model's runs of the test questions."""
        return list(read_traces(self.directory / "after.jsonl"))


def read_loop(directory: Path) -> FinishedLoop:
    """Return a loop's directory.

    Raises:
        DeepSearchError: it holds none, or one whose trained model was not evaluated.
    """
    manifest, stages = (_json(directory / n) for n in (MANIFEST_FILE, STAGES_FILE))
    if not (manifest and is_finished(directory)):
        msg = f"{directory} holds no finished loop: run `deepsearch loop --out {directory}`"
        raise DeepSearchError(msg)
    first = next(read_traces(directory / "curated.jsonl"), None)
    if first is None:
        msg = f"{directory} has no curated traces: there is nothing to say again"
        raise DeepSearchError(msg)
    return FinishedLoop(directory.resolve(), manifest, stages, first.dialect)


def is_finished(directory: Path) -> bool:
    """Tell whether a loop's trained model was evaluated."""
    return bool(_json(directory / STAGES_FILE).get("after", {}).get("finished"))


def _json(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
