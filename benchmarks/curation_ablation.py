"""What curation is worth on the desk world: trained models, with and without it.

    python benchmarks/curation_ablation.py --out runs/ablation --plan
    python benchmarks/curation_ablation.py --out runs/ablation
    python benchmarks/curation_ablation.py --out runs/ablation --hours 1
    python benchmarks/curation_ablation.py --out runs/ablation --cells "uncurated-*" "curated-*"
    python benchmarks/curation_ablation.py --out runs/adapters --lora-rank 32

A pool of teacher rollouts with stated errors is made once. Then, for each arm, number of
traces n and seed, one model is trained on n traces and answers the test questions:

    uncurated              n traces of the pool as they are, one a question
    curated                n traces that the `desk` preset keeps
    without_<dimension>    n traces that it keeps with one of the paper's four response
                           dimensions left out (Table 3)

All arms take their questions in the same seeded order, each those it has traces of: the
difficulty rule drops half the questions, so the arms with it and without share the other half
(`questions_shared`), the other arms nearly all. Each cell leaves a JSON file in `cells/`; a
killed run goes on, inside a cell from its last checkpoint. Several programs may work in one
directory, each on cells of its own, and `--hours` begins no cell that would not end in time.
A seed's cells come before the next seed's, so that what is done at any time compares all
arms. Two cells with the same traces and seed are one training: the second takes the first
one's figures and says so.

A cell costs its training and, for each model, the start of a server. `--lora-rank` trains
adapters instead of all weights, and one server answers for all cells: cheaper, and another
experiment, so it takes a directory of its own. `--equal-tokens` repeats the traces of small
cells, so that all are trained for as many tokens as the largest.

`ablation.json` and `ablation.md` hold the figures of all finished cells, whichever way they
fall: means over questions and seeds with 95 % bootstrap intervals (questions are drawn, with
all their seeds), and the difference to `curated`, paired by question and seed.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from fnmatch import fnmatch
from hashlib import sha256
from pathlib import Path
from typing import Any

from ablation_lab import Cell, Config, Lab, RealLab, guessed_seconds
from ablation_table import ARMS, MEASURES, is_right, run_row, sample, summarize, to_markdown
from claims import claim
from desk_runs import complaints, roll_out, run_settings, write_whole
from rich.console import Console

from langgraph_deepsearch.curation.pipeline import curate
from langgraph_deepsearch.errors import DeepSearchError
from langgraph_deepsearch.graph.deep_search import create_deep_search_agent
from langgraph_deepsearch.graph.rollout import check_manifest
from langgraph_deepsearch.nodes.dialects import get_dialect
from langgraph_deepsearch.questions import Question, read_questions
from langgraph_deepsearch.trace import Trace, read_traces, write_traces
from langgraph_deepsearch.world.build import build_world
from langgraph_deepsearch.world.server import serve_world
from langgraph_deepsearch.world.teacher import DecompositionTeacher

PUT_OFF_SECONDS = 10.0
"""Pause before cells are tried again whose traces another program is training on."""


class Ablation:
    """The comparison in one directory."""

    def __init__(self, config: Config, out: Path, lab: Lab, *, keeps_models: bool) -> None:
        self._config = config
        self._out = out
        self._lab = lab
        self._keeps_models = keeps_models

    def cells(self, patterns: Sequence[str] = ()) -> list[Cell]:
        """Return the cells whose names fit one of the patterns, seed by seed."""
        every = [
            Cell(arm, size, seed)
            for seed in self._config.seeds
            for size in self._config.sizes
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

    def seconds_of(self, cell: Cell) -> float:
        """Return how long a cell takes: as finished ones of its size did, else a guess."""
        records = (self._record(c) for c in self.cells() if c.size == cell.size)
        taken = [sum(r["seconds"].values()) for r in records if r and r.get("seconds")]
        return sum(taken) / len(taken) if taken else guessed_seconds(cell, self._config)

    def run(self, patterns: Sequence[str] = (), hours: float | None = None) -> None:
        """Run every chosen cell that nobody has done or is doing, then write the tables.

        Args:
            patterns: names of cells.
            hours: no cell is begun that would end later; None: all are.
        """
        chosen = self.cells(patterns)
        ends = None if hours is None else time.monotonic() + hours * 3600
        world = self._prepare()
        with serve_world(world) as server:
            with claim(self._out / "pool.lock", waits=True):
                self._make_pool(server.url)
                self._curate_arms()
            questions = read_questions(world / "test.jsonl")
            while chosen:
                put_off = []
                for cell in chosen:
                    expected = time.monotonic() + self.seconds_of(cell)
                    if ends is not None and expected > ends:
                        continue
                    if not self._run_unclaimed(cell, questions, server.url):
                        put_off.append(cell)
                chosen = put_off
                time.sleep(PUT_OFF_SECONDS if put_off else 0)
        self.write_tables()

    def _prepare(self) -> Path:
        world = self._out / "world"
        with claim(self._out / "world.lock", waits=True):
            check_manifest(self._out, self._manifest(), self._manifest_defaults())
            if not (world / "world.json").is_file():
                build_world(
                    world,
                    pages=self._config.pages,
                    seed=self._config.world_seed,
                    train_questions=self._config.train_questions,
                    test_questions=self._config.test_questions,
                )
        return world

    def _run_unclaimed(self, cell: Cell, questions: Sequence[Question], url: str) -> bool:
        """Run a cell that nobody has done or is doing.

        Returns:
            False when another program is training on the very same traces: it is to be
            tried again when that has ended.
        """
        with self._claim(cell) as is_ours:
            if not is_ours or self.is_done(cell):
                return True
            traces = self._draw(cell)
            if self._is_trained_elsewhere(cell):
                return False
            self._run_cell(cell, traces, questions, url)
        return True

    def _claim(self, cell: Cell) -> AbstractContextManager[bool]:
        return claim(self._out / "cells" / f"{cell.name}.lock")

    def _is_trained_elsewhere(self, cell: Cell) -> bool:
        """Tell whether another program is at a cell with these traces."""
        for other in self._alike(cell):
            if other == cell or self.is_done(other) or not self._data(other).is_file():
                continue
            if _digest(self._data(other)) == _digest(self._data(cell)):
                with self._claim(other) as is_free:
                    if not is_free:
                        return True
        return False

    def _alike(self, cell: Cell) -> list[Cell]:
        return [c for c in self.cells() if (c.size, c.seed) == (cell.size, cell.seed)]

    def _data(self, cell: Cell) -> Path:
        return self._out / "cells" / cell.name / "train.jsonl"

    def write_tables(self) -> None:
        """Write `ablation.json` and `ablation.md` from the finished cells."""
        every = self.cells()
        done = [record for record in map(self._record, every) if record]
        table = summarize(done)
        left = len(every) - len(done)
        record = {"config": asdict(self._config), "cells_left": left, "rows": table}
        write_whole(self._out / "ablation.json", json.dumps(record, indent=1, default=str))
        write_whole(self._out / "ablation.md", to_markdown(table, left))

    def _manifest(self) -> dict[str, Any]:
        """Return what all cells of a directory share; further cells may be added to it."""
        chosen = ("sizes", "seeds", "arms")
        shared = {k: v for k, v in asdict(self._config).items() if k not in chosen}
        # The largest size decides how often the small ones are repeated.
        longest = max(self._config.sizes) if self._config.equal_tokens else None
        return {**shared, "equal_tokens": longest}

    def _manifest_defaults(self) -> dict[str, Any]:
        """Return what settings were in directories from before they were added."""
        rate = Config().learning_rate
        return {
            "equal_tokens": None,
            "lora_rank": 0,
            "learning_rate": rate,
            "spaced_answers": False,
        }

    # What leads to a cell.

    def _make_pool(self, url: str) -> None:
        questions = read_questions(self._out / "world" / "train.jsonl")
        teacher = DecompositionTeacher.for_questions(
            questions,
            dialect=get_dialect(),
            errors=self._config.errors,
            spaced_answers=self._config.spaced_answers,
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

    def _draw(self, cell: Cell) -> list[Trace]:
        """Draw a cell's traces and write them."""
        ids = sample(read_traces(self._pool_of(cell.arm)), cell.size, cell.seed)
        wanted = {i: n for n, i in enumerate(ids)}
        chosen = [t for t in read_traces(self._pool_of(cell.arm)) if t.id in wanted]
        chosen.sort(key=lambda trace: wanted[trace.id])
        write_traces(self._data(cell), chosen)
        return chosen

    def _run_cell(
        self, cell: Cell, chosen: Sequence[Trace], questions: Sequence[Question], url: str
    ) -> None:
        work = self._out / "cells" / cell.name
        digest = _digest(self._data(cell))
        same = self._same(cell, digest)
        if same is None:
            Console(stderr=True).print(f"── {cell.name}", markup=False)
            seconds = self._train_and_ask(cell, self._data(cell), questions, url)
            runs = [run_row(trace) for trace in read_traces(work / "answers")]
        else:
            runs, seconds = same["runs"], {}
        record = {
            **asdict(cell),
            "name": cell.name,
            "data_sha256": digest,
            "same_data_as": same["name"] if same else None,
            "seconds": seconds,
            "right": sum(is_right(t) for t in chosen),
            "questions": sorted(t.question_id for t in chosen),
            **{m: sum(run[m] for run in runs) / len(runs) for m in MEASURES},
            "runs": runs,
        }
        write_whole(self._file(cell), json.dumps(record, indent=1))
        if not self._keeps_models:
            shutil.rmtree(work / "model", ignore_errors=True)

    def _train_and_ask(
        self, cell: Cell, traces: Path, questions: Sequence[Question], url: str
    ) -> dict[str, float]:
        """Return the seconds of training and answering, as far as they were done now."""
        work, config = traces.parent, self._config.for_cell(cell)
        started = time.monotonic()
        model = self._lab.train(traces, work / "model", cell.seed, config)
        trained = time.monotonic()
        self._lab.answer(model, questions, work / "answers", config, url)
        return {
            "train": round(trained - started, 1),
            "answer": round(time.monotonic() - trained, 1),
        }

    def _same(self, cell: Cell, digest: str) -> dict[str, Any] | None:
        for record in filter(None, map(self._record, self._alike(cell))):
            if record["data_sha256"] == digest and not record["same_data_as"]:
                return record
        return None

    def _record(self, cell: Cell) -> dict[str, Any] | None:
        """Return what a finished cell left, None while it is not finished."""
        if not self.is_done(cell):
            return None
        return json.loads(self._file(cell).read_text())

    def _file(self, cell: Cell) -> Path:
        return self._out / "cells" / f"{cell.name}.json"


def _digest(file: Path) -> str:
    return sha256(file.read_bytes()).hexdigest()


def plan(work: Ablation, config: Config, patterns: Sequence[str]) -> dict[str, Any]:
    """Return how many cells there are, how many are left, and about how long they take."""
    cells = work.cells(patterns)
    left = [cell for cell in cells if not work.is_done(cell)]
    seconds = {cell: work.seconds_of(cell) for cell in left}
    by_size = {cell.size: round(taken / 60, 1) for cell, taken in seconds.items()}
    return {
        "cells": len(cells),
        "done": len(cells) - len(left),
        "left": [cell.name for cell in left],
        "teacher_rollouts": config.train_questions * config.teacher_rollouts,
        "minutes_a_cell": by_size,
        "estimated_hours": round(sum(seconds.values()) / 3600, 2),
    }


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
        equal_tokens=options.equal_tokens,
        lora_rank=options.lora_rank,
        learning_rate=options.learning_rate,
    )
    real = RealLab(options.engine, options.base_model)
    work = Ablation(config, options.out, lab or real, keeps_models=options.keep_models)
    with complaints(), nullcontext(lab) if lab else real:
        if options.plan:
            print(json.dumps(plan(work, config, options.cells), indent=2))
            return
        work.run(options.cells, options.hours)
    print((options.out / "ablation.md").read_text(encoding="utf-8"))


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    default = Config()
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--out", type=Path, required=True, help="directory of the comparison"
    )
    parser.add_argument("--plan", action="store_true", help="cells and hours; run nothing")
    parser.add_argument("--cells", nargs="*", default=[], metavar="PATTERN")
    parser.add_argument("--hours", type=float, help="begin no cell that would end later")
    parser.add_argument("--pages", type=int, default=default.pages)
    parser.add_argument("--train-questions", type=int, default=default.train_questions)
    parser.add_argument("--test-questions", type=int, default=default.test_questions)
    parser.add_argument("--rollouts", type=int, default=default.teacher_rollouts)
    parser.add_argument("--sizes", type=int, nargs="+", default=default.sizes)
    parser.add_argument("--seeds", type=int, nargs="+", default=default.seeds)
    parser.add_argument("--arms", nargs="+", choices=list(ARMS), default=list(ARMS))
    parser.add_argument("--epochs", type=float, default=default.epochs)
    parser.add_argument(
        "--equal-tokens", action="store_true", help="train all sizes for as many tokens"
    )
    parser.add_argument(
        "--lora-rank", type=int, default=default.lora_rank, help="0: train all weights"
    )
    parser.add_argument("--learning-rate", type=float, default=default.learning_rate)
    parser.add_argument(
        "--engine", choices=("auto", "vllm", "transformers"), default="auto"
    )
    parser.add_argument("--base-model", type=Path, help="the packaged model when absent")
    parser.add_argument("--keep-models", action="store_true")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
