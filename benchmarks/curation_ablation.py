"""What curation is worth on the desk world: trained models, with and without it.

    python benchmarks/curation_ablation.py --out runs/ablation --plan
    python benchmarks/curation_ablation.py --out runs/ablation
    python benchmarks/curation_ablation.py --out runs/ablation --cells "uncurated-*" "curated-*"

A pool of teacher rollouts with stated errors is made once. Then, for each arm, number of
traces n and seed, one model is trained on n traces and answers the test questions:

    uncurated              n traces of the pool as they are, one a question
    curated                n traces that the `desk` preset keeps
    without_<dimension>    n traces that it keeps with one of the paper's four response
                           dimensions left out (Table 3)

All arms take their questions in the same seeded order, so that they differ in the traces and
hardly in the questions. Each such cell leaves a JSON file in `cells/`; a killed run goes on
where it stopped, also inside a cell. Two cells with the same traces and seed are one
training: the second takes the first one's figures and says so. `ablation.json` and
`ablation.md` hold the figures of all finished cells, whichever way they fall: means over
questions and seeds with 95 % bootstrap intervals (questions are drawn, with all their seeds),
and the difference to `curated`, paired by question and seed.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from fnmatch import fnmatch
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

from ablation_table import ARMS, MEASURES, is_right, run_row, sample, summarize, to_markdown
from rich.console import Console

from langgraph_deepsearch.curation.pipeline import curate
from langgraph_deepsearch.errors import DeepSearchError
from langgraph_deepsearch.evals.metrics import outcome
from langgraph_deepsearch.graph.deep_search import create_deep_search_agent
from langgraph_deepsearch.graph.progress import RolloutDisplay
from langgraph_deepsearch.graph.rollout import RolloutEngine, check_manifest
from langgraph_deepsearch.loop import PRESETS
from langgraph_deepsearch.nodes.dialects import get_dialect
from langgraph_deepsearch.nodes.models.resolve import forget_reasoners
from langgraph_deepsearch.questions import Question, read_questions
from langgraph_deepsearch.trace import read_traces, write_traces
from langgraph_deepsearch.training.base_model import prepare_base_model
from langgraph_deepsearch.training.serve import ModelServer
from langgraph_deepsearch.training.sft import train_sft
from langgraph_deepsearch.world.build import build_world
from langgraph_deepsearch.world.server import serve_world
from langgraph_deepsearch.world.teacher import DecompositionTeacher, TeacherErrors

DESK = PRESETS["desk"]

TOKENS_PER_TRACE = 530
TRAINED_PER_SECOND = 230.0
EVALUATION_SECONDS = 150.0
"""Of a plan: two CPU cores, SmolLM2-135M, 120 test questions through vLLM, its start
included (desk loops of 320 questions on such a machine)."""


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
    world_seed: int = 0
    epochs: float = DESK.training.epochs
    concurrency: int = DESK.concurrency
    settings: Mapping[str, Any] = field(default_factory=lambda: dict(DESK.settings))


@dataclass(frozen=True)
class Cell:
    """One training and one evaluation."""

    arm: str
    size: int
    seed: int

    @property
    def name(self) -> str:
        return f"{self.arm}-n{self.size}-s{self.seed}"


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
    """The packaged base model, the package's own training, vLLM where it is installed."""

    def __init__(self, engine: str, base_model: Path | None) -> None:
        self._engine: Any = engine
        self._base = base_model

    def train(self, traces: Path, out: Path, seed: int, config: Config) -> Path:
        settings = replace(DESK.training, seed=seed, epochs=config.epochs)
        train_sft(traces, self._base or prepare_base_model(), out, settings)
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
        server = ModelServer(model, name=name, engine=self._engine, log=out / "server.log")
        forget_reasoners()
        with server:
            settings = {**run_settings(config, url, out), "base_url": server.url}
            agent = create_deep_search_agent(name, **settings)
            roll_out(agent, questions, out, config)


def run_settings(config: Config, url: str, out: Path) -> dict[str, Any]:
    """Return the settings of every run on the served world."""
    return {
        **config.settings,
        "search": f"searxng:{url}",
        "allow_private": "127.0.0.1",
        "cache_dir": out / "cache",
    }


def roll_out(
    agent: Any, questions: Sequence[Question], out: Path, config: Config, rollouts: int = 1
) -> None:
    """Run questions into `out`/traces.jsonl; what is there already is not run again."""
    with RolloutDisplay(out.parent.name, Console(stderr=True)) as display:
        engine = RolloutEngine(
            agent,
            out,
            concurrency=config.concurrency,
            seed=config.world_seed,
            scorer=outcome,
            on_progress=display.update,
        )
        progress = engine.run(questions, rollouts)
    if progress.failed:
        msg = f"{progress.failed} runs failed, see {out}: run the same command again"
        raise DeepSearchError(msg)


class Ablation:
    """The comparison in one directory."""

    def __init__(self, config: Config, out: Path, lab: Lab, *, keeps_models: bool) -> None:
        self._config = config
        self._out = out
        self._lab = lab
        self._keeps_models = keeps_models

    def cells(self, patterns: Sequence[str] = ()) -> list[Cell]:
        """Return the cells whose names fit one of the patterns, small ones first."""
        every = [
            Cell(arm, size, seed)
            for size in self._config.sizes
            for seed in self._config.seeds
            for arm in self._config.arms
        ]
        chosen = [
            cell
            for cell in every
            if not patterns or any(fnmatch(cell.name, pattern) for pattern in patterns)
        ]
        if not chosen:
            names = f"{every[0].name}, …, {every[-1].name}"
            msg = f"no cell is called like {' or '.join(patterns)}; they are {names}"
            raise DeepSearchError(msg)
        return chosen

    def is_done(self, cell: Cell) -> bool:
        return self._file(cell).is_file()

    def run(self, patterns: Sequence[str] = ()) -> None:
        """Run every chosen cell that is not done, then write the tables."""
        chosen = self.cells(patterns)
        check_manifest(self._out, self._manifest())
        world = self._out / "world"
        if not (world / "world.json").is_file():
            build_world(
                world,
                pages=self._config.pages,
                seed=self._config.world_seed,
                train_questions=self._config.train_questions,
                test_questions=self._config.test_questions,
            )
        with serve_world(world) as server:
            self._make_pool(server.url)
            self._curate_arms()
            questions = read_questions(world / "test.jsonl")
            for cell in chosen:
                if not self.is_done(cell):
                    self._run_cell(cell, questions, server.url)
        self.write_tables()

    def write_tables(self) -> None:
        """Write `ablation.json` and `ablation.md` from the finished cells."""
        every = self.cells()
        done = [json.loads(self._file(c).read_text()) for c in every if self.is_done(c)]
        table = summarize(done)
        left = len(every) - len(done)
        record = {"config": asdict(self._config), "cells_left": left, "rows": table}
        _write(self._out / "ablation.json", json.dumps(record, indent=1, default=str))
        _write(self._out / "ablation.md", to_markdown(table, left))

    def _manifest(self) -> dict[str, Any]:
        """Return what all cells of a directory share; further cells may be added to it."""
        chosen = ("sizes", "seeds", "arms")
        return {k: v for k, v in asdict(self._config).items() if k not in chosen}

    # What leads to a cell.

    def _make_pool(self, url: str) -> None:
        questions = read_questions(self._out / "world" / "train.jsonl")
        teacher = DecompositionTeacher.for_questions(
            questions, dialect=get_dialect(), errors=self._config.errors
        )
        pool = self._out / "pool"
        agent = create_deep_search_agent(teacher, **run_settings(self._config, url, pool))
        roll_out(agent, questions, pool, self._config, self._config.teacher_rollouts)

    def _curate_arms(self) -> None:
        for arm in self._config.arms:
            without = ARMS[arm]
            folder = self._out / "pools" / arm
            if without is not None and not (folder / "curated.jsonl").is_file():
                curate(
                    self._out / "pool", folder, preset=self._config.preset, without=without
                )
            have = len({t.question_id for t in read_traces(self._pool_of(arm))})
            if have < max(self._config.sizes):
                msg = (
                    f"arm {arm} has traces of {have} questions, fewer than "
                    f"{max(self._config.sizes)}: raise --train-questions or lower --sizes"
                )
                raise DeepSearchError(msg)

    def _pool_of(self, arm: str) -> Path:
        if ARMS[arm] is None:
            return self._out / "pool" / "traces.jsonl"
        return self._out / "pools" / arm / "curated.jsonl"

    def _run_cell(self, cell: Cell, questions: Sequence[Question], url: str) -> None:
        work = self._out / "work" / cell.name
        traces = work / "train.jsonl"
        ids = sample(read_traces(self._pool_of(cell.arm)), cell.size, cell.seed)
        wanted = {i: n for n, i in enumerate(ids)}
        chosen = [t for t in read_traces(self._pool_of(cell.arm)) if t.id in wanted]
        write_traces(traces, sorted(chosen, key=lambda trace: wanted[trace.id]))
        digest = sha256(traces.read_bytes()).hexdigest()
        same = self._same(cell, digest)
        if same is None:
            Console(stderr=True).print(f"── {cell.name}", markup=False)
            model = self._lab.train(traces, work / "model", cell.seed, self._config)
            self._lab.answer(model, questions, work / "answers", self._config, url)
            runs = [run_row(trace) for trace in read_traces(work / "answers")]
        else:
            runs = same["runs"]
        record = {
            **asdict(cell),
            "name": cell.name,
            "data_sha256": digest,
            "same_data_as": same["name"] if same else None,
            "right": sum(is_right(t) for t in chosen),
            **{m: sum(run[m] for run in runs) / len(runs) for m in MEASURES},
            "runs": runs,
        }
        _write(self._file(cell), json.dumps(record, indent=1))
        if not self._keeps_models:
            shutil.rmtree(work / "model", ignore_errors=True)

    def _same(self, cell: Cell, digest: str) -> dict[str, Any] | None:
        for other in self.cells():
            if self.is_done(other) and (other.size, other.seed) == (cell.size, cell.seed):
                record = json.loads(self._file(other).read_text())
                if record["data_sha256"] == digest and not record["same_data_as"]:
                    return record
        return None

    def _file(self, cell: Cell) -> Path:
        return self._out / "cells" / f"{cell.name}.json"


def plan(work: Ablation, config: Config, patterns: Sequence[str]) -> dict[str, Any]:
    """Return how many cells there are, how many are left, and about how long they take."""
    cells = work.cells(patterns)
    left = [cell for cell in cells if not work.is_done(cell)]
    share = config.test_questions / DESK.test_questions
    seconds = sum(
        cell.size * TOKENS_PER_TRACE * config.epochs / TRAINED_PER_SECOND
        + EVALUATION_SECONDS * share
        for cell in left
    )
    return {
        "cells": len(cells),
        "done": len(cells) - len(left),
        "left": [cell.name for cell in left],
        "teacher_rollouts": config.train_questions * config.teacher_rollouts,
        "estimated_hours": round(seconds / 3600, 2),
    }


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text + "\n", encoding="utf-8")
    partial.replace(path)


@contextmanager
def complaints() -> Iterator[None]:
    """End with one line where the mistake is the user's to mend."""
    try:
        yield
    except DeepSearchError as error:
        msg = f"error: {error}"
        raise SystemExit(msg) from None


def main(arguments: Sequence[str] | None = None, lab: Lab | None = None) -> None:
    options = _options(arguments)
    config = Config(
        pages=options.pages,
        train_questions=options.train_questions,
        test_questions=options.test_questions,
        teacher_rollouts=options.rollouts,
        sizes=tuple(options.sizes),
        seeds=tuple(options.seeds),
        arms=tuple(options.arms),
        epochs=options.epochs,
    )
    real = RealLab(options.engine, options.base_model)
    work = Ablation(config, options.out, lab or real, keeps_models=options.keep_models)
    with complaints():
        if options.plan:
            print(json.dumps(plan(work, config, options.cells), indent=2))
            return
        work.run(options.cells)
    print((options.out / "ablation.md").read_text(encoding="utf-8"))


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    default = Config()
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--out", type=Path, required=True, help="directory of the comparison"
    )
    parser.add_argument("--plan", action="store_true", help="cells and hours; run nothing")
    parser.add_argument("--cells", nargs="*", default=[], metavar="PATTERN")
    parser.add_argument("--pages", type=int, default=default.pages)
    parser.add_argument("--train-questions", type=int, default=default.train_questions)
    parser.add_argument("--test-questions", type=int, default=default.test_questions)
    parser.add_argument("--rollouts", type=int, default=default.teacher_rollouts)
    parser.add_argument("--sizes", type=int, nargs="+", default=default.sizes)
    parser.add_argument("--seeds", type=int, nargs="+", default=default.seeds)
    parser.add_argument("--arms", nargs="+", choices=list(ARMS), default=list(ARMS))
    parser.add_argument("--epochs", type=float, default=default.epochs)
    parser.add_argument(
        "--engine", choices=("auto", "vllm", "transformers"), default="auto"
    )
    parser.add_argument("--base-model", type=Path, help="the packaged model when absent")
    parser.add_argument("--keep-models", action="store_true")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
