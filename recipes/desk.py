"""A recipe at the size of a desk: every stage real, over the fictional web.

    world ─► teacher ─► before ─► each training ─► its evaluation ─► … ─► report
                                   SFT: the teacher's runs ─► curation ─► fine-tuning
                                   DPO: the model's own runs ─► pairs ─► training
                                   RL:  training with the graph as environment

The decomposition teacher stands in for the recipe's large model. Every stage leaves its
result in the run directory and is skipped when it is there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from ..curation.pairing import PAIRS_FILE, make_pairs
from ..curation.pipeline import CURATED_FILE, curate
from ..evals.evaluation import EvaluationSummary, summarize_traces, write_evaluation
from ..evals.report import write_report
from ..graph.rollout import check_manifest
from ..stages import StageLog
from ..trace import read_traces
from ..training.base_model import is_adapter_dir, prepare_base_model
from ..training.config import SftConfig
from ..training.curriculum import get_curriculum
from ..training.dpo import train_dpo
from ..training.dpo_config import DpoConfig
from ..training.merge import merge_beside
from ..training.registry import ModelRegistry
from ..training.result import TrainingResult
from ..training.rewards import get_reward
from ..training.rl import train_rl
from ..training.rl_config import RlConfig
from ..training.sft import train_sft
from .bench import Bench, ServerProcess, Serving
from .describe import method, result_line
from .recipe import KNOWN, Recipe, TrainingStage
from .registry import RecipeError
from .sizes import DeskSize, desk_config, get_size
from .stand_ins import JUDGE, REWRITER

WARM_START = TrainingStage(
    name="warm_start",
    config=SftConfig(),
    data="runs of the teacher in the recipe's dialect",
    known="ours",
)
"""The fine-tuning before a recipe that has none."""

OWN_TEMPERATURE = 0.7
"""Sampling of a model's own runs for pairs: runs must differ to be compared."""

TEACHER, BEFORE, AFTER = "teacher", "before", "after"
"""Evaluations: the stand-in for a large model, the model that is started from, the last
one trained. Models between are evaluated under the name of their stage."""


@dataclass(frozen=True)
class DeskConfig:
    """How a recipe is run."""

    size: str | DeskSize = "desk"
    seed: int = 0
    without: tuple[str, ...] = ()
    """Names of stages that are left out."""
    base_model: Path | None = None
    """The packaged SmolLM2-135M-Instruct if None."""

    @property
    def sizes(self) -> DeskSize:
        """The size, looked up where it is named."""
        return get_size(self.size) if isinstance(self.size, str) else self.size


@dataclass(frozen=True)
class DeskResult:
    """What a desk run measured."""

    recipe: Recipe
    directory: Path
    columns: dict[str, EvaluationSummary]
    """Name of an evaluation to its figures."""
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """Return the figures by name, and the paper's beside them."""
        figures = {name: column.to_json() for name, column in self.columns.items()}
        return {
            "recipe": self.recipe.name,
            "columns": figures,
            "paper": [f"{result_line(r)}; {KNOWN[r.known]}" for r in self.recipe.results],
            "seconds": self.seconds,
        }

    def table(self) -> Table:
        """Return the figures as a table."""
        names = ("em", "f1", "acc", "searches", "tokens")
        title = f"{self.recipe.system} at a desk: {self.directory} ({self.seconds:.0f} s)"
        table = Table("", *names, "n", title=title)
        for label, column in self.columns.items():
            row = [f"{getattr(column, name):.3f}" for name in names]
            table.add_row(label, *row, str(column.n))
        return table


def desk_stages(
    recipe: Recipe, size: DeskSize, without: Sequence[str] = ()
) -> list[TrainingStage]:
    """Return the stages of a desk run in order, each with the stage it starts from.

    Raises:
        RecipeError: a stage that is left out is none, or another one starts from it.
    """
    stages = [replace(s, start=s.desk_start or s.start) for s in recipe.stages]
    if recipe.desk.warm_start:
        first = WARM_START.name
        stages = [WARM_START, *(replace(s, start=s.start or first) for s in stages)]
    names = [stage.name for stage in stages]
    unknown = [name for name in without if name not in names]
    if unknown:
        known = ", ".join(names) or "none"
        msg = f"{recipe.name} has no stage {unknown[0]!r} to leave out; its stages: {known}"
        raise RecipeError(msg)
    for stage in stages:
        if stage.start in without and stage.name not in without:
            msg = f"stage {stage.name!r} starts from {stage.start!r}: leave it out too"
            raise RecipeError(msg)
    kept = [stage for stage in stages if stage.name not in without]
    return [replace(stage, config=desk_config(stage.config, size)) for stage in kept]


class DeskRun:
    """One desk run of a recipe in one directory.

    Args:
        recipe: what is run.
        config: how.
        directory: the run directory.
        console: where progress is shown.
        serving: serves the models; vLLM, or transformers without it, if None.
    """

    def __init__(
        self,
        recipe: Recipe,
        config: DeskConfig,
        directory: Path,
        console: Console,
        serving: Serving | None = None,
    ) -> None:
        self._recipe = recipe
        self._config = config
        # Servers run in folders of their own: every path must be whole.
        self._dir = directory.absolute()
        self._serving: Serving = serving or ServerProcess()
        self._bench = Bench(recipe, self._dir, config.sizes, config.seed, console)
        self._log = StageLog(self._dir, self._bench.say)
        self._stages = desk_stages(recipe, config.sizes, config.without)
        self._taught = self._dir / "traces.jsonl"
        """The newest runs of the teacher over train questions."""

    def run(self) -> DeskResult:
        """Run every stage that is not done yet.

        Raises:
            DeepSearchError: a stage cannot go on; what earlier ones made is kept.
        """
        self._check()
        base = (self._config.base_model or prepare_base_model()).absolute()
        self._log.run("world", self._bench.build)
        with self._bench.opened():
            self._log.run(TEACHER, self._evaluate_teacher)
            self._log.run(BEFORE, lambda: self._evaluate(BEFORE, base))
            models = {"": base}
            for stage in self._stages:
                model = self._train(stage, models[stage.start])
                column = self._column(stage)
                self._log.run(column, lambda c=column, m=model: self._evaluate(c, m))
                models[stage.name] = self._whole(stage, model, models[stage.start])
        return self._finish()

    def _check(self) -> None:
        learned = [stage.name for stage in self._stages if stage.kind == "rl"]
        if isinstance(self._serving, ServerProcess):
            self._serving.check(learned)
        stages = {s.name: {**asdict(s), "config": s.config.to_json()} for s in self._stages}
        settings = {
            "recipe": self._recipe.name,
            "seed": self._config.seed,
            "size": asdict(self._config.sizes),
            "stages": stages,
            "search": self._recipe.desk.search,
            "settings": dict(self._recipe.desk.settings),
        }
        check_manifest(self._dir, settings)

    # Evaluations.

    def _column(self, stage: TrainingStage) -> str:
        return AFTER if stage is self._stages[-1] else stage.name

    def _evaluate_teacher(self) -> None:
        questions = self._bench.test_questions()
        self._bench.teach(questions, self._dir / f"{TEACHER}.jsonl")
        self._log.note(TEACHER, engine="unknown")

    def _evaluate(self, column: str, model: Path) -> None:
        with self._serve(model, column) as served:
            questions = self._bench.test_questions()
            self._bench.rollouts(served, questions, self._dir / f"{column}.jsonl")
            self._log.note(column, engine=served.engine)

    def _serve(self, model: Path, what: str, *, trains: bool = False) -> Any:
        name = f"desk-{self._recipe.name}-{what}"
        log = self._dir / "logs" / f"{what}.log"
        return self._serving(model, name, log=log, trains=trains)

    # Trainings.

    def _whole(self, stage: TrainingStage, model: Path, start: Path) -> Path:
        """Return the model for a stage that starts from this one: no adapter."""
        goes_on = any(other.start == stage.name for other in self._stages)
        if not (goes_on and is_adapter_dir(model)):
            return model
        return merge_beside(model, start)

    def _train(self, stage: TrainingStage, start: Path) -> Path:
        """Return the folder of the model that a stage makes."""
        folder = self._dir / stage.name
        self._bench.say(f"{stage.name}: {method(stage)}")
        if stage.kind == "sft":
            return self._fine_tune(stage, start, folder)
        if stage.kind == "rl":
            return self._reinforce(stage, start, folder)
        for number in range(1, stage.rounds + 1):
            own = folder if stage.rounds == 1 else folder / f"round-{number}"
            start = self._prefer(stage, start, own)
        return start

    def _fine_tune(self, stage: TrainingStage, start: Path, folder: Path) -> Path:
        traces, curated = folder / "traces.jsonl", folder / CURATED_FILE
        self._taught = traces
        self._log.run(f"{stage.name} rollouts", lambda: self._teach(stage, traces))
        self._log.run(f"{stage.name} curation", lambda: self._curate(traces, folder))
        config = stage.config
        assert isinstance(config, SftConfig)
        return self._trained(
            stage, folder, lambda out: train_sft(curated, start, out, config)
        )

    def _teach(self, stage: TrainingStage, traces: Path) -> None:
        questions = self._bench.questions(stage.desk_questions)
        self._bench.teach(questions, traces, self._config.sizes.teacher_rollouts)

    def _curate(self, traces: Path, folder: Path) -> None:
        desk = self._recipe.desk
        report = curate([traces], folder, preset=desk.preset, without=desk.without)
        self._bench.show(report.table())

    def _prefer(self, stage: TrainingStage, start: Path, folder: Path) -> Path:
        own = folder / "own.jsonl"
        name = f"{folder.relative_to(self._dir)}"
        self._log.run(f"{name} rollouts", lambda: self._run_own(stage, start, own))
        self._log.run(f"{name} pairs", lambda: self._pair(own, folder))
        pairs, config = folder / PAIRS_FILE, stage.config
        assert isinstance(config, DpoConfig)
        return self._trained(
            stage, folder, lambda out: train_dpo(pairs, start, out, config)
        )

    def _run_own(self, stage: TrainingStage, start: Path, own: Path) -> None:
        questions = self._bench.questions(stage.desk_questions)
        count = self._config.sizes.own_rollouts
        with self._serve(start, stage.name) as served:
            self._bench.rollouts(served, questions, own, count, temperature=OWN_TEMPERATURE)

    def _pair(self, own: Path, folder: Path) -> None:
        """Pair the model's runs with the teacher's.

        The paper's rule takes the better run from the strong model alone; any other rule
        may take it from either.
        """
        rule = self._recipe.desk.preference or self._recipe.filters.preference
        if rule == "paper":
            report = make_pairs([self._taught], folder, rule=rule, against=[own])
        else:
            report = make_pairs([own, self._taught], folder, rule=rule)
        self._bench.say(str(report))

    def _reinforce(self, stage: TrainingStage, start: Path, folder: Path) -> Path:
        questions = self._bench.question_file(stage.desk_questions)
        config = stage.config
        assert isinstance(config, RlConfig)

        def train(out: Path) -> TrainingResult:
            with self._serve(start, stage.name, trains=True) as served:
                settings = self._bench.settings(base_url=served.url)
                helped = self._with_stand_ins(config)
                return train_rl(questions, start, out, helped, settings=settings)

        return self._trained(stage, folder, train)

    def _with_stand_ins(self, config: RlConfig) -> RlConfig:
        """Return the settings with stand-ins for the models that the training asks."""
        url, changes = self._bench.stand_ins_url, {}
        stages = get_curriculum(config.curriculum).stages
        names = {stage.reward or config.reward for stage in stages}
        if any(get_reward(name).needs_judge for name in names):
            changes |= {"judge_model": JUDGE, "judge_url": url}
        if config.rewriter_model:
            changes |= {"rewriter_model": REWRITER, "rewriter_url": url}
        return replace(config, **changes)

    def _trained(
        self, stage: TrainingStage, folder: Path, train: Callable[[Path], TrainingResult]
    ) -> Path:
        """Train unless it is done; return the model's folder."""
        out = folder / "model"

        def work() -> None:
            result = train(out)
            self._bench.say(str(result))
            name = f"desk-{self._recipe.name}-{stage.name}"
            ModelRegistry(self._dir).add(name, out, training=result.to_json())

        self._log.run(f"{folder.relative_to(self._dir)} training", work)
        return out

    def _finish(self) -> DeskResult:
        known = self._log.read()
        names = [TEACHER, BEFORE, *map(self._column, self._stages)]
        columns = {
            name: summarize_traces(
                read_traces(self._dir / f"{name}.jsonl"), engine=known[name]["engine"]
            )
            for name in names
        }
        extra = {n: c for n, c in columns.items() if n not in (BEFORE, AFTER)}
        write_evaluation(
            self._dir,
            before=columns[BEFORE],
            after=columns.get(AFTER),
            extra=extra,
            seconds=self._log.seconds,
        )
        self._bench.say(f"report: {write_report(self._dir)}")
        return DeskResult(self._recipe, self._dir, columns, self._log.seconds)
