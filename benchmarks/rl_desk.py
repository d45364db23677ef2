"""What preference learning and reinforcement add to a fine-tuned model on the desk world.

    python benchmarks/rl_desk.py --loop runs/desk --out runs/rl-desk --plan
    python benchmarks/rl_desk.py --loop runs/desk --out runs/rl-desk
    python benchmarks/rl_desk.py --loop runs/desk --out runs/rl-desk --arms grpo --seeds 0

The checkpoint is the model of a finished `deepsearch loop` directory; world, settings of
every run and held-out questions are that loop's. The checkpoint answers the test questions
once, greedily. Then, for each arm and seed, it is trained further on the loop's training
questions, as a LoRA adapter, and the adapter answers the same questions:

    reinforce   plain REINFORCE++ with the reward of the paper's appendix D
    grpo        GRPO with the same reward
    dpo         the loop's curated traces over the model's own runs that are wrong or
                malformed (the paper's rule, appendix C)

One vLLM server serves all of it, and takes each version of each policy while it runs. A
cell leaves a JSON file in `cells/`; a killed run goes on where it stopped, also inside a
cell. `rl_desk.json`, `rl_desk.md` and `report.html` hold the figures of all finished cells,
whichever way they fall: means over questions and seeds with 95 % bootstrap intervals
(questions are drawn, with all their seeds), the difference to the checkpoint paired by
question, and the curves of the trainings. The paper found DPO to help and REINFORCE++ to
hurt (arXiv 2505.16834, table 4).
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ablation_table import MEASURES, run_row
from desk_runs import TOKENS_PER_TRACE, complaints, roll_out, run_settings
from finished_loop import FinishedLoop, read_loop
from rich.console import Console
from rl_desk_report import write_tables

from langgraph_deepsearch.curation.pairing import make_pairs
from langgraph_deepsearch.graph.deep_search import create_deep_search_agent
from langgraph_deepsearch.graph.rollout import check_manifest
from langgraph_deepsearch.loop import CURATION_PRESET
from langgraph_deepsearch.nodes.models.http import normalize_url
from langgraph_deepsearch.nodes.models.resolve import forget_reasoners
from langgraph_deepsearch.questions import Question, write_questions
from langgraph_deepsearch.tools.factory import make_search
from langgraph_deepsearch.trace import read_traces
from langgraph_deepsearch.training.checkpoints import write_json
from langgraph_deepsearch.training.dpo import train_dpo
from langgraph_deepsearch.training.dpo_config import DpoConfig
from langgraph_deepsearch.training.fingerprint import model_fingerprint
from langgraph_deepsearch.training.merge import merge_adapter
from langgraph_deepsearch.training.reload import reload_weights
from langgraph_deepsearch.training.result import TrainingResult
from langgraph_deepsearch.training.rl import PROCESSED_LOGPROBS, train_rl
from langgraph_deepsearch.training.rl_config import Algorithm, RlConfig
from langgraph_deepsearch.training.serve import ModelServer
from langgraph_deepsearch.world.server import serve_world

ALGORITHMS: dict[str, Algorithm] = {"reinforce": "reinforce_plus_plus", "grpo": "grpo"}
"""Arms of reinforcement; the third arm is `dpo`."""

ARMS = (*ALGORITHMS, "dpo")

REWARD = "simple_deep_searcher"
"""The paper's, appendix D."""

CHECKPOINT = "checkpoint"
"""Served name of the model that is started from."""

OWN_TEMPERATURE = 1.0
"""Of the model's own runs that preference learning rejects: the policy as it is."""

PAIRS_OF_A_RUN = 0.11
"""Of a plan: how many of the model's own runs become pairs."""

MAX_LENGTH = 2048
"""Tokens of a run; the desk loop's are about 530."""

ROLLOUT_TOKENS_PER_SECOND = 600.0
TRAINED_TOKENS_PER_SECOND = 170.0
"""Of a plan, tokens of whole runs; two CPU cores, SmolLM2-135M in vLLM and in TRL. Rough:
the seconds in a cell's file say what they were."""


@dataclass(frozen=True)
class Config:
    """Sizes and settings; a directory keeps those it was started with."""

    test_questions: int = 0
    """0: all of the loop's."""
    train_questions: int = 0
    steps: int = 16
    questions_per_step: int = 8
    rollouts: int = 4
    rl_learning_rate: float = 1e-4
    kl: float = 0.0
    dpo_questions: int = 0
    """0: all of the loop's; about one run of ten is wrong, and gives a pair."""
    dpo_rollouts: int = 2
    dpo_learning_rate: float = 2e-4
    """Of an adapter. At 2e-5 and 34 pairs the loss did not leave .69."""
    dpo_epochs: float = 2.0
    lora_rank: int = 16
    concurrency: int = 32
    max_length: int = MAX_LENGTH

    def reinforcement(self, arm: str, seed: int) -> RlConfig:
        """Return the settings of an arm of reinforcement."""
        return RlConfig(
            algorithm=ALGORITHMS[arm],
            reward=REWARD,
            learning_rate=self.rl_learning_rate,
            steps=self.steps,
            questions_per_step=self.questions_per_step,
            rollouts=self.rollouts,
            batch_size=self.questions_per_step * self.rollouts,
            kl=self.kl,
            max_length=self.max_length,
            lora_rank=self.lora_rank,
            policy_sync="weights",
            concurrency=self.concurrency,
            schedule="constant",
            seed=seed,
        )

    def preference(self, seed: int) -> DpoConfig:
        """Return the settings of preference learning; beta is the paper's."""
        return DpoConfig(
            learning_rate=self.dpo_learning_rate,
            epochs=self.dpo_epochs,
            batch_size=8,
            max_length=self.max_length,
            lora_rank=self.lora_rank,
            seed=seed,
        )


@dataclass(frozen=True)
class Cell:
    """One training and one evaluation."""

    arm: str
    seed: int

    @property
    def name(self) -> str:
        return f"{self.arm}-s{self.seed}"


@dataclass(frozen=True)
class Runs:
    """What `roll_out` asks of a configuration."""

    settings: Mapping[str, Any]
    concurrency: int
    world_seed: int = 0


class Experiment:
    """The comparison in one directory."""

    def __init__(self, loop: FinishedLoop, config: Config, out: Path, url: str) -> None:
        self._loop = loop
        self._config = config
        self._out = out
        self._given_url = normalize_url(url) if url else ""
        self._console = Console(stderr=True)
        self._settings: dict[str, Any] = {}

    def run(self, cells: Sequence[Cell]) -> None:
        """Run every cell that is not done, then write figures and report."""
        parent = model_fingerprint(self._loop.model)
        check_manifest(
            self._out, {"checkpoint": parent, **asdict(self._config)}, asdict(Config())
        )
        left = [cell for cell in cells if not self._file(cell.name).is_file()]
        if left or not self._file("before").is_file():
            with serve_world(self._loop.world) as world, self._server() as url:
                # The search is an object: a resumed training does not mind another port.
                settings = run_settings(self._runs(), world.url, self._out)
                cache = settings["cache_dir"]
                search = make_search(settings["search"], cache_dir=cache)
                self._settings = {**settings, "search": search, "base_url": url}
                reload_weights(url, self._loop.model)  # a killed cell has left its policy
                self._before()
                for cell in left:
                    self._run_cell(cell)
        self.write_tables()

    def write_tables(self) -> None:
        """Write the figures of all finished cells."""
        files = sorted((self._out / "cells").glob("*-s*.json"))
        cells = [json.loads(file.read_text(encoding="utf-8")) for file in files]
        cells.sort(key=lambda cell: (ARMS.index(cell["arm"]), cell["seed"]))
        before = json.loads(self._file("before").read_text(encoding="utf-8"))
        write_tables(self._out, before, cells, asdict(self._config))

    def _before(self) -> None:
        if not self._file("before").is_file():
            self._say("before")
            self._record("before", self._answer("before"), {})

    def _run_cell(self, cell: Cell) -> None:
        self._say(cell.name)
        work = self._out / "cells" / cell.name
        result, seconds = self._train(cell, work)
        url, whole = self._settings["base_url"], work / "whole"
        merge_adapter(work / "model", self._loop.model, whole)
        began = time.monotonic()
        try:
            reload_weights(url, whole)
            runs = self._answer(cell.name)
        finally:
            reload_weights(url, self._loop.model)
            shutil.rmtree(whole)
        seconds["evaluation"] = time.monotonic() - began
        told = {
            **asdict(cell),
            "seconds": seconds,
            "steps": len(result.losses),
            "tokens": result.tokens,
            "trained_tokens": result.trained_tokens,
            "curves": {"loss": result.losses, **result.curves},
        }
        self._record(cell.name, runs, told)

    def _train(self, cell: Cell, work: Path) -> tuple[TrainingResult, dict[str, float]]:
        if cell.arm == "dpo":
            return self._by_preference(cell, work)
        questions = work / "questions.jsonl"
        write_questions(questions, self._questions("train"))
        config = self._config.reinforcement(cell.arm, cell.seed)
        settings = dict(self._settings)
        result = train_rl(
            questions, self._loop.model, work / "model", config, settings=settings
        )
        return result, {"training": result.seconds}

    def _by_preference(
        self, cell: Cell, work: Path
    ) -> tuple[TrainingResult, dict[str, float]]:
        began = time.monotonic()
        questions = self._questions("train")[: self._config.dpo_questions or None]
        plain = {"top_p": 1.0, "sampling_top_k": -1, "repetition_penalty": 1.0}
        sampling = {**plain, "temperature": OWN_TEMPERATURE}
        own = work / "own"
        self._roll_out(
            own,
            questions,
            rollouts=self._config.dpo_rollouts,
            seed=cell.seed,
            **sampling,
        )
        made = time.monotonic() - began
        make_pairs(
            [self._loop.curated],
            work / "pairs",
            against=[own],
            rule="paper",
            preset=CURATION_PRESET,
        )
        config = self._config.preference(cell.seed)
        result = train_dpo(work / "pairs", self._loop.model, work / "model", config)
        return result, {"rollouts": made, "training": result.seconds}

    def _answer(self, name: str) -> list[dict[str, Any]]:
        folder = self._out / "cells" / name / "answers"
        self._roll_out(folder, self._questions("test"))
        return [run_row(trace) for trace in read_traces(folder)]

    def _roll_out(
        self,
        folder: Path,
        questions: Sequence[Question],
        *,
        rollouts: int = 1,
        seed: int = 0,
        **sampling: Any,
    ) -> None:
        agent = create_deep_search_agent(
            self._checkpoint or None, **{**self._settings, **sampling}
        )
        roll_out(agent, questions, folder, self._runs(seed), rollouts)

    def _runs(self, seed: int = 0) -> Runs:
        return Runs(self._loop.settings, self._config.concurrency, seed)

    @property
    def _checkpoint(self) -> str:
        """Name of the model before; empty: what a server of one's own lists first."""
        return "" if self._given_url else CHECKPOINT

    def _questions(self, split: str) -> list[Question]:
        size = getattr(self._config, f"{split}_questions")
        read = self._loop.train_questions if split == "train" else self._loop.test_questions
        return read()[: size or None]

    @contextmanager
    def _server(self) -> Iterator[str]:
        if self._given_url:
            yield self._given_url
            return
        server = ModelServer(
            self._loop.model,
            name=CHECKPOINT,
            engine="vllm",
            updatable=True,
            log=self._out / "server.log",
            extra_arguments=PROCESSED_LOGPROBS,
        )
        forget_reasoners()
        with server:
            yield server.url

    def _record(
        self, name: str, runs: Sequence[Mapping[str, Any]], told: Mapping[str, Any]
    ) -> None:
        means = {m: sum(run[m] for run in runs) / len(runs) for m in MEASURES}
        self._file(name).parent.mkdir(parents=True, exist_ok=True)
        write_json(self._file(name), {"name": name, **told, **means, "runs": list(runs)})

    def _file(self, name: str) -> Path:
        return self._out / "cells" / f"{name}.json"

    def _say(self, name: str) -> None:
        self._console.print(f"── {name}", markup=False, highlight=False)


def plan(loop: FinishedLoop, config: Config, cells: Sequence[Cell]) -> dict[str, Any]:
    """Return how many runs and tokens the cells take, and about how many hours."""
    tests = config.test_questions or len(loop.test_questions())
    sampled = config.steps * config.questions_per_step * config.rollouts
    asked = config.dpo_questions or config.train_questions or len(loop.train_questions())
    own = asked * config.dpo_rollouts
    pairs = 2 * PAIRS_OF_A_RUN * own * config.dpo_epochs
    seconds = tests * TOKENS_PER_TRACE / ROLLOUT_TOKENS_PER_SECOND
    for cell in cells:
        made, trained = (own, pairs) if cell.arm == "dpo" else (sampled, sampled)
        seconds += (made + tests) * TOKENS_PER_TRACE / ROLLOUT_TOKENS_PER_SECOND
        seconds += trained * TOKENS_PER_TRACE / TRAINED_TOKENS_PER_SECOND
    return {
        "cells": [cell.name for cell in cells],
        "test_questions": tests,
        "runs_of_a_reinforcement": sampled,
        "runs_of_a_preference_learning": own,
        "estimated_hours": round(seconds / 3600, 2),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    options = _options(arguments)
    names = list(asdict(Config()))
    config = Config(**{name: getattr(options, name) for name in names})
    cells = [Cell(arm, seed) for seed in options.seeds for arm in options.arms]
    with complaints():
        loop = read_loop(options.loop)
        if options.plan:
            print(json.dumps(plan(loop, config, cells), indent=2))
            return
        Experiment(loop, config, options.out, options.base_url).run(cells)
    print((options.out / "rl_desk.md").read_text(encoding="utf-8"))


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--loop", type=Path, required=True, help="a finished loop")
    parser.add_argument("--out", type=Path, required=True, help="the comparison's folder")
    parser.add_argument("--plan", action="store_true", help="runs and hours; run nothing")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=["reinforce", "dpo"])
    parser.add_argument(
        "--base-url",
        default="",
        help="a vLLM server of the checkpoint that takes weights; else one is started",
    )
    for name, value in asdict(Config()).items():
        flag = f"--{name.replace('_', '-')}"
        parser.add_argument(flag, type=type(value), default=value)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
