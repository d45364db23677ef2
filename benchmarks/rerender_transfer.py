"""Whether a model keeps its F1 when its traces are said again in another dialect.

    python benchmarks/rerender_transfer.py --out runs/transfer --plan
    python benchmarks/rerender_transfer.py --out runs/transfer --loop runs/desk
    python benchmarks/rerender_transfer.py --out runs/dialects --loop runs/desk \
        --to all --seeds 0 --questions 60 --traces 150 --keep-models

A finished `deepsearch loop` has taught a model one dialect. Its curated traces are written
again in another inline dialect (`deepsearch rerender`), the base model is trained anew on
them with the loop's own settings, and both models answer the same held-out questions with
the same search. A seed is that of the training. What the loop has trained and answered is
taken from its directory; the other seeds of its dialect are trained here. Several loops may
be named, of other worlds say: each is then compared by its own seed alone. Without `--loop`
one is run first, in `OUT/loop`.

The questions are the loop's own test questions; where it has fewer than asked for, the rest
are of a second world, drawn from another seed. `--traces N` trains every model, the loop's
dialect included, on the same N traces, one a question.

Each cell (dialect, loop, seed) leaves a JSON file in `cells/`; a killed run goes on where it
stopped, also inside a cell. `transfer.json` and `transfer.md` hold what all finished cells
say: EM, F1 and searches of each dialect, and the difference to the loop's dialect, paired by
question and seed, with 95 % bootstrap intervals (questions are drawn, with all their seeds).
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from ablation_table import MEASURES, run_row, sample
from desk_runs import complaints, write_whole
from finished_loop import FinishedLoop, is_finished, read_loop
from held_out import HeldOut
from rich.console import Console
from transfer_lab import Lab, RealLab, Runs
from transfer_table import summarize, to_markdown

from langgraph_deepsearch.curation.rerender import RerenderError, inline_dialect, rerender
from langgraph_deepsearch.errors import DeepSearchError
from langgraph_deepsearch.graph.rollout import check_manifest
from langgraph_deepsearch.loop import PRESETS, Loop, loop_preset
from langgraph_deepsearch.nodes.dialects import get_dialect, list_dialects, recorded_name
from langgraph_deepsearch.trace import Trace, read_traces, write_traces
from langgraph_deepsearch.training.result import read_result

ALL = "all"
"""In place of dialects: every inline one."""

SEEDS = (0, 1, 2)


@dataclass(frozen=True)
class Config:
    """What all cells of a directory share."""

    questions: int = 300
    traces: int | None = None
    """Traces each model is trained on; None: all that the loop has kept."""


@dataclass(frozen=True)
class Cell:
    """One model and its answers."""

    dialect: str
    loop: str
    seed: int

    @property
    def name(self) -> str:
        dialect = Path(self.dialect).name.replace(".py", "").replace(":", ".")
        return f"{dialect}-{self.loop}-s{self.seed}"


class Transfer:
    """The comparison in one directory."""

    def __init__(
        self,
        config: Config,
        out: Path,
        lab: Lab,
        loops: Sequence[FinishedLoop],
        targets: Sequence[str],
        seeds: Sequence[int] | None,
        *,
        keeps_models: bool,
    ) -> None:
        self._config = config
        self._out = out
        self._lab = lab
        self._loops = {loop.name: loop for loop in loops}
        self._held_out = HeldOut(out / "extra-world", loops, config.questions)
        self._targets = targets
        self._seeds = seeds
        self._keeps_models = keeps_models

    def cells(self, patterns: Sequence[str] = ()) -> list[Cell]:
        """Return the cells whose names fit one of the patterns, seed by seed."""
        every = list(self._every_cell())
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

    def _every_cell(self) -> Iterator[Cell]:
        for loop in self._loops.values():
            own = (loop.training.seed,)
            seeds = self._seeds or (SEEDS if len(self._loops) == 1 else own)
            others = [target for target in self._targets if target != loop.dialect]
            for seed in seeds:
                for dialect in (loop.dialect, *others):
                    yield Cell(dialect, loop.name, seed)

    def is_done(self, cell: Cell) -> bool:
        return self._file(cell).is_file()

    def minutes(self, cell: Cell) -> float:
        """Return about how long a cell takes, by what its loop took."""
        loop = self._loops[cell.loop]
        share = self._config.questions / len(loop.test_questions())
        if self._is_the_loops(cell):
            return max(0.0, share - 1) * loop.answering_seconds / 60
        traces = sum(1 for _ in read_traces(loop.curated))
        part = min(1.0, (self._config.traces or traces) / traces)
        seconds = part * loop.training_seconds + share * loop.answering_seconds
        return seconds / 60

    def run(self, patterns: Sequence[str] = ()) -> None:
        """Run every chosen cell that is not done, then write the tables."""
        left = [cell for cell in self.cells(patterns) if not self.is_done(cell)]
        loops = {name: str(loop.directory) for name, loop in self._loops.items()}
        check_manifest(self._out, {**vars(self._config), "loops": loops})
        for cell in left:
            self._run_cell(cell)
        self.write_tables()

    def write_tables(self) -> None:
        """Write `transfer.json` and `transfer.md` from the finished cells."""
        files = sorted((self._out / "cells").glob("*.json"))
        done = [json.loads(file.read_text(encoding="utf-8")) for file in files]
        rows = summarize(done)
        left = sum(not self.is_done(cell) for cell in self.cells())
        record = {"config": vars(self._config), "cells_left": left, "rows": rows}
        write_whole(self._out / "transfer.json", json.dumps(record, indent=1))
        write_whole(self._out / "transfer.md", to_markdown(rows, left))

    # One cell.

    def _run_cell(self, cell: Cell) -> None:
        Console(stderr=True).print(f"── {cell.name}", markup=False)
        loop, work = self._loops[cell.loop], self._out / "cells" / cell.name
        taken = self._is_the_loops(cell)
        left_out: list[str] = []
        model = loop.model
        if not taken:
            model, left_out = self._train(cell, work)
        started = time.monotonic()
        runs = self._answer(cell, model, work / "answers", loop.answered() if taken else ())
        result = read_result(model)
        record = {
            **vars(cell),
            "name": cell.name,
            "base": loop.dialect,
            "taken_from_loop": taken,
            "engine": loop.engine,
            "traces": sum(1 for _ in read_traces(loop.curated if taken else _data(work))),
            "left_out": left_out,
            **{m: sum(run[m] for run in runs) / len(runs) for m in MEASURES},
            "training_seconds": result.seconds if result else None,
            "answering_seconds": time.monotonic() - started,
            "runs": runs,
        }
        write_whole(self._file(cell), json.dumps(record, indent=1))
        if not (taken or self._keeps_models):
            shutil.rmtree(model)

    def _train(self, cell: Cell, work: Path) -> tuple[Path, list[str]]:
        loop, left_out = self._loops[cell.loop], []
        traces = list(_said_in(cell.dialect, self._chosen(loop), left_out))
        if not traces:
            msg = (
                f"no trace of {loop.curated} could be said in {cell.dialect}: {left_out[0]}"
            )
            raise DeepSearchError(msg)
        write_traces(_data(work), traces)
        settings = replace(loop.training, seed=cell.seed)
        self._lab.train(_data(work), loop.base_model, work / "model", settings)
        return work / "model", left_out

    def _chosen(self, loop: FinishedLoop) -> list[Trace]:
        """Return the traces every model of a loop is trained on."""
        traces = list(read_traces(loop.curated))
        if self._config.traces is None:
            return traces
        ids = sample(traces, self._config.traces, seed=0)
        if len(ids) < self._config.traces:
            msg = f"{loop.curated} has traces of {len(ids)} questions: lower --traces"
            raise DeepSearchError(msg)
        by_id = {trace.id: trace for trace in traces}
        return [by_id[i] for i in ids]

    def _is_the_loops(self, cell: Cell) -> bool:
        """Tell whether the loop itself has trained this model."""
        loop = self._loops[cell.loop]
        is_own = (cell.dialect, cell.seed) == (loop.dialect, loop.training.seed)
        return is_own and self._config.traces is None

    def _answer(
        self, cell: Cell, model: Path, out: Path, answered: Sequence[Trace]
    ) -> list[dict[str, Any]]:
        """Return a row for each question, of the runs there were before and the new ones."""
        loop = self._loops[cell.loop]
        wanted = {question.id for question in self._held_out.own(loop)}
        kept = [run_row(trace) for trace in answered if trace.question_id in wanted]
        # Some dialects would not read the pages that a search found.
        reads = get_dialect(loop.dialect).reads_found_pages
        settings = {"read_pages": reads, **loop.settings, "dialect": cell.dialect}
        runs = Runs(settings, loop.concurrency, loop.world_seed)
        with ExitStack() as stack:
            exams = self._held_out.exams(loop, stack, skips_own=bool(answered))
            if exams:
                self._lab.answer(model, exams, out, runs, loop.engine)
        for exam in exams:
            kept += [run_row(trace) for trace in read_traces(out / exam.name)]
        return [{**run, "id": f"{cell.loop}/{run['id']}"} for run in kept]

    def _file(self, cell: Cell) -> Path:
        return self._out / "cells" / f"{cell.name}.json"


def _data(work: Path) -> Path:
    return work / "train.jsonl"


def _said_in(dialect: str, traces: Sequence[Trace], left_out: list[str]) -> Iterator[Trace]:
    for trace in traces:
        try:
            yield trace if trace.dialect == dialect else rerender(trace, dialect)
        except RerenderError as error:
            left_out.append(str(error))


def plan(work: Transfer, patterns: Sequence[str]) -> dict[str, Any]:
    """Return how many cells there are, and about how long those left take."""
    cells = work.cells(patterns)
    left = {cell.name: work.minutes(cell) for cell in cells if not work.is_done(cell)}
    return {
        "cells": len(cells),
        "done": len(cells) - len(left),
        "minutes_left": {name: round(minutes, 1) for name, minutes in left.items()},
        "hours_left": round(sum(left.values()) / 60, 2),
    }


def targets(names: Sequence[str]) -> list[str]:
    """Return the dialects to train, inline ones all.

    Raises:
        DeepSearchError: one is unknown, or not inline.
    """
    if list(names) == [ALL]:
        return [n for n in list_dialects() if get_dialect(n).layout == "inline"]
    for name in names:
        inline_dialect(name)
    # As traces name them.
    return [recorded_name(name) for name in names]


def own_loop(options: argparse.Namespace) -> FinishedLoop:
    """Run a loop of this comparison's own, or what is left of it."""
    preset = loop_preset(options.preset, engine=options.engine)
    config = replace(
        preset, test_questions=options.questions, base_model=options.base_model
    )
    directory = options.out / "loop"
    Loop(config, directory, Console(stderr=True)).run()
    return read_loop(directory)


def main(arguments: Sequence[str] | None = None, lab: Lab | None = None) -> None:
    options = _options(arguments)
    config = Config(options.questions, options.traces)
    with complaints():
        dialects = targets(options.to)
        built = options.out / "loop"
        if options.plan and not options.loop and not is_finished(built):
            print(json.dumps({"loop": f"`deepsearch loop` runs first, in {built}"}))
            return
        loops = [read_loop(path) for path in options.loop] or [own_loop(options)]
        _check_names(loops)
        work = Transfer(
            config,
            options.out,
            lab or RealLab(),
            loops,
            dialects,
            options.seeds,
            keeps_models=options.keep_models,
        )
        if options.plan:
            print(json.dumps(plan(work, options.cells), indent=2))
            return
        work.run(options.cells)
    print((options.out / "transfer.md").read_text(encoding="utf-8"))


def _check_names(loops: Sequence[FinishedLoop]) -> None:
    if len({loop.name for loop in loops}) < len(loops):
        msg = (
            "two loops have folders of one name, by which cells are told apart: rename one"
        )
        raise DeepSearchError(msg)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    default = Config()
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--out", type=Path, required=True, help="directory of the comparison"
    )
    parser.add_argument("--plan", action="store_true", help="cells and hours; run nothing")
    parser.add_argument(
        "--loop", type=Path, nargs="+", default=[], help="finished `deepsearch loop`s"
    )
    parser.add_argument(
        "--to", nargs="+", default=["search_r1"], help=f"inline dialects, or `{ALL}`"
    )
    parser.add_argument("--seeds", type=int, nargs="+", help="of the training")
    parser.add_argument("--questions", type=int, default=default.questions)
    parser.add_argument("--traces", type=int, help="train on so many; all when absent")
    parser.add_argument("--cells", nargs="*", default=[], metavar="PATTERN")
    parser.add_argument(
        "--preset", choices=list(PRESETS), default="desk", help="of a loop run here"
    )
    parser.add_argument(
        "--engine",
        choices=("auto", "vllm", "transformers"),
        default="auto",
        help="of a loop run here",
    )
    parser.add_argument("--base-model", type=Path, help="of a loop run here")
    parser.add_argument("--keep-models", action="store_true")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
