"""The whole flywheel, stage by stage, read top to bottom.

    world ─► before ─► rollouts ─► curation ─► training ─► after ─► summarizer ─► report
                                                   └──► later rounds (self-distillation)

In a later round the model trained in the one before makes the traces: as the agent it is,
or, where roles made the first (MaskSearch), as planner, rewriter and observer. It is then
trained further on what was kept; MaskSearch's rounds begin at the base model again.

Every stage leaves its result in the run directory and is skipped when it is there, so a
killed loop goes on where it stopped. Stages that run agents or train resume inside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from langchain_core.language_models import BaseChatModel
from rich.console import Console
from rich.table import Table

from .curation.pipeline import curate
from .curation.role_calls import write_role_calls
from .errors import DeepSearchError
from .evals.evaluation import (
    MEASURES,
    EvaluationSummary,
    summarize_traces,
    write_evaluation,
)
from .evals.metrics import outcome
from .evals.report import write_report
from .graph.deep_search import create_deep_search_agent
from .graph.progress import RolloutDisplay
from .graph.rollout import RolloutEngine, check_manifest
from .nodes.dialects import DEFAULT_DIALECT, get_dialect
from .nodes.models.resolve import forget_reasoners
from .questions import Question, read_questions
from .stages import StageLog
from .trace import read_traces
from .training.base_model import prepare_base_model
from .training.registry import ModelRegistry
from .training.serve import ModelServer
from .training.sft import SftConfig, train_sft
from .world.build import build_world
from .world.preset import EVIDENCE_CHARS
from .world.server import serve_world
from .world.teacher import DecompositionTeacher, TeacherErrors
from .world.teacher_roles import RoleTeacher

BASE_NAME = "smollm2-135m-instruct"
"""Served name of the packaged base model; the summarizer of the loop."""

TRAINED_NAME = "deepsearch-desk"
"""Served name of the trained model."""

SUMMARIZER_COLUMN = "reason_in_documents"

COLUMNS = ("before", "after", SUMMARIZER_COLUMN)
"""Evaluations of a loop's first round; each has its traces in a file of its name."""

ROLE_CALLS_FILE = "role_calls.jsonl"
"""The roles' calls of a round's curated runs, which the next model must know."""

CURATION_PRESET = "desk"

ALLOWED = "127.0.0.1"
"""The desk world is served on the loopback."""

OWN_TEMPERATURE = 0.7
"""Sampling of the second round's rollouts: rollouts must differ to be selected from."""

SUMMARIZER_SETTINGS = {"summarizer_max_tokens": 160, "max_doc_chars": 400}
"""Keeps the summarizer's prompts short enough for two cores."""


@dataclass(frozen=True)
class LoopConfig:
    """Sizes and settings of one loop."""

    preset: str = "desk"
    engine: Literal["auto", "vllm", "transformers"] = "auto"
    seed: int = 0
    self_distill: bool = False
    """One round after the first; the same as `evolving_rounds=1`."""
    evolving_rounds: int = 0
    """Rounds after the first, each on the runs of the model trained in the one before
    (MaskSearch's self-evolving distillation)."""
    roles: Literal["mask_search"] | None = None
    """What makes the traces: one agent, or several roles (`Context.roles`). The trained
    model answers alone in any case; in a later round it takes the roles."""
    pages: int = 1500
    train_questions: int = 440
    test_questions: int = 120
    teacher_rollouts: int = 3
    """A rollout without any of the four defects is one of two, so three cover nine of ten
    questions."""
    teacher_errors: TeacherErrors = field(
        default_factory=lambda: TeacherErrors(0.15, 0.15, 0.15, 0.15)
    )
    summarizer_questions: int = 20
    own_rollouts: int = 1
    """Rollouts of each training question in the second round."""
    concurrency: int = 32
    base_model: Path | None = None
    """The packaged SmolLM2-135M-Instruct if None."""
    training: SftConfig = field(
        default_factory=lambda: SftConfig(
            batch_size=2,
            learning_rate=4e-4,
            adam_beta2=0.95,
            dtype="mixed",
            frozen_layers=10,
        )
    )
    """Small steps, many of them: some 200k tokens must teach the protocol and the plan. The
    lower third of the layers stays: a step takes a sixth less, and on the same 301 traces
    F1 was .769 with it, .742 without. With AdamW's own 0.999 for `adam_beta2` one seed's
    traces gave F1 .698, with 0.95 .844; another's .779 both times (earlier presets, one
    training each)."""
    later_learning_rate: float = 2e-4
    """Of a round that trains the model before further: it knows the protocol already."""
    settings: dict[str, Any] = field(
        default_factory=lambda: {
            "condenser": "extractive",
            "top_k": 3,
            "evidence_chars": EVIDENCE_CHARS,
            "max_searches": 6,
            "max_turns": 8,
            "max_turn_tokens": 192,
            "temperature": 0.0,
        }
    )
    """Settings of every run, before and after alike."""


PRESETS = {
    "desk": LoopConfig(),
    "tiny": LoopConfig(
        pages=300,
        train_questions=30,
        test_questions=10,
        summarizer_questions=2,
        own_rollouts=1,
        concurrency=8,
    ),
    "mask_search": LoopConfig(
        roles="mask_search",
        evolving_rounds=1,
        settings={
            **LoopConfig().settings,
            "dialect": "mask_search:inline",
            "max_searches": 15,
            "max_turns": 5,
        },
    ),
}
"""desk: what `make demo` runs. tiny: every stage in a few minutes, to see it work.
mask_search: the roles make the traces, then the model they taught takes them."""


def loop_preset(name: str, **changes: Any) -> LoopConfig:
    """Return a preset by name with changes applied.

    Raises:
        DeepSearchError: there is no such preset.
    """
    if name not in PRESETS:
        msg = f"unknown preset {name!r}; known: {', '.join(PRESETS)}"
        raise DeepSearchError(msg)
    return replace(PRESETS[name], preset=name, **changes)


@dataclass(frozen=True)
class LaterRound:
    """What the stages and files of a round after the first are called."""

    number: int
    """From 2."""

    @property
    def _mark(self) -> str:
        return "" if self.number == 2 else f"_{self.number}"

    @property
    def column(self) -> str:
        """Its evaluation."""
        return f"self_distilled{self._mark}"

    @property
    def trace_file(self) -> str:
        """The runs of the model before."""
        return f"own_traces{self._mark}.jsonl"

    @property
    def folder(self) -> str:
        """Where its curated runs and its model are."""
        return "second_round" if self.number == 2 else f"round_{self.number}"

    def stage(self, what: str) -> str:
        """Return the name of one of its stages."""
        if what == "own rollouts":
            return what + self._mark.replace("_", " ")
        return f"second {what}" if self.number == 2 else f"{what} {self.number}"


@dataclass(frozen=True)
class LoopResult:
    """What a loop measured."""

    directory: Path
    columns: dict[str, EvaluationSummary]
    """Name of an evaluation (`before`, `after`, …) to its figures."""
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """Return the figures by name."""
        figures = {name: column.to_json() for name, column in self.columns.items()}
        return {**figures, "seconds": self.seconds}

    def table(self) -> Table:
        """Return the before/after table."""
        names = ("em", "f1", "acc", "searches", "tokens", "n")
        table = Table("", *names, title=f"{self.directory} ({self.seconds:.0f} s)")
        for label, column in self.columns.items():
            figures = column.to_json()
            row = [f"{figures[n]:.3f}" if n != "n" else str(figures[n]) for n in names]
            table.add_row(label, *row)
        return table


class Loop:
    """One run of the flywheel in one directory."""

    def __init__(self, config: LoopConfig, directory: Path, console: Console) -> None:
        self._config = config
        self._dir = directory
        self._console = console
        self._log = StageLog(directory, self._say)
        self._world_url = ""

    def run(self) -> LoopResult:
        """Run every stage that is not done yet.

        Raises:
            DeepSearchError: a stage cannot go on; what earlier ones made is kept.
        """
        self._check_settings()
        base = self._config.base_model or prepare_base_model()
        self._log.run("world", self._build_world)
        with serve_world(self._dir / "world") as world:
            self._world_url = world.url
            self._log.run("rollouts", self._teach)
            self._log.run("curation", lambda: self._curate(self._dir, "traces.jsonl"))
            with self._server(base, BASE_NAME) as base_server:
                self._log.run("before", lambda: self._evaluate("before", base_server()))
                self._log.run("training", lambda: self._train(base, BASE_NAME, self._dir))
                with self._server(self._dir / "model", TRAINED_NAME) as trained:
                    self._log.run("after", lambda: self._evaluate("after", trained()))
                    self._log.run(
                        SUMMARIZER_COLUMN,
                        lambda: self._with_summarizer(trained(), base_server()),
                    )
                    self._prepare_round(2, trained)
            for later in self._later_rounds:
                self._later_round(base, later)
        return self._finish()

    # Stages, in order.

    def _build_world(self) -> None:
        config = self._config
        summary = build_world(
            self._dir / "world",
            pages=config.pages,
            seed=config.seed,
            train_questions=config.train_questions,
            test_questions=config.test_questions,
        )
        self._say(str(summary))

    def _teach(self) -> None:
        config = self._config
        questions = self._questions("train")
        if config.roles:
            # It always says the same, so one rollout of a question is all there is.
            roles = RoleTeacher.for_questions(questions)
            self._rollouts(roles, questions, "traces.jsonl", roles=config.roles)
            return
        self._say(
            f"teacher (stands in for a large model), errs at: {config.teacher_errors}"
        )
        teacher = DecompositionTeacher.for_questions(
            questions,
            dialect=get_dialect(config.settings.get("dialect", DEFAULT_DIALECT)),
            errors=config.teacher_errors,
            spaced_answers=True,
        )
        self._rollouts(teacher, questions, "traces.jsonl", config.teacher_rollouts)

    def _curate(self, directory: Path, *files: str) -> None:
        paths = [self._dir / file for file in files]
        report = curate(paths, directory, preset=CURATION_PRESET)
        self._console.print(report.table())

    def _train(self, start: Path, parent: str, directory: Path, **changes: Any) -> None:
        traces = directory / "curated.jsonl"
        settings = replace(self._training(directory), **changes)
        result = train_sft(traces, start, directory / "model", settings)
        self._say(str(result))
        ModelRegistry(self._dir).add(
            TRAINED_NAME, directory / "model", parent=parent, training=result.to_json()
        )

    def _evaluate(self, column: str, server: ModelServer) -> None:
        questions = self._questions("test")
        self._rollouts(server, questions, f"{column}.jsonl")
        self._log.note(column, engine=server.engine)
        if TRAINED_NAME in server.model_names:
            figures = self._summary(column).to_json()
            metrics = {name: figures[name] for name in MEASURES}
            ModelRegistry(self._dir).record(TRAINED_NAME, metrics)

    def _with_summarizer(self, trained: ModelServer, summarizer: ModelServer) -> None:
        """Run some test questions with a model of its own for the summarize step."""
        questions = self._questions("test")[: self._config.summarizer_questions]
        self._rollouts(
            trained,
            questions,
            f"{SUMMARIZER_COLUMN}.jsonl",
            condenser="reason_in_documents",
            summarizer_model=BASE_NAME,
            summarizer_url=summarizer.url,
            **SUMMARIZER_SETTINGS,
        )
        self._log.note(SUMMARIZER_COLUMN, engine=trained.engine)

    def _training(self, directory: Path) -> SftConfig:
        """Return the settings; a model that is to take the roles is shown them too."""
        if not (self._config.roles and self._later_rounds):
            return self._config.training
        file = directory / ROLE_CALLS_FILE
        report = write_role_calls(read_traces(directory / "curated.jsonl"), file)
        ratio = report.calls / report.runs
        return replace(self._config.training, other_data=str(file), other_ratio=ratio)

    @property
    def _later_rounds(self) -> list[LaterRound]:
        more = max(self._config.evolving_rounds, int(self._config.self_distill))
        return [LaterRound(number) for number in range(2, more + 2)]

    def _prepare_round(self, number: int, trained: Callable[[], ModelServer]) -> None:
        """Let a trained model make the traces of a later round, if there is one."""
        if number - 2 < len(self._later_rounds):
            later = LaterRound(number)
            self._log.run(
                later.stage("own rollouts"), lambda: self._own_rollouts(trained(), later)
            )

    def _own_rollouts(self, trained: ModelServer, later: LaterRound) -> None:
        self._rollouts(
            trained,
            self._questions("train"),
            later.trace_file,
            self._config.own_rollouts,
            temperature=OWN_TEMPERATURE,
            roles=self._config.roles,
        )

    def _later_round(self, base: Path, later: LaterRound) -> None:
        """Retrain on what the models themselves found, beside the teacher's traces."""
        own = self._dir / later.folder
        files = [r.trace_file for r in self._later_rounds if r.number <= later.number]
        self._log.run(
            later.stage("curation"), lambda: self._curate(own, "traces.jsonl", *files)
        )
        self._log.run(
            later.stage("training"), lambda: self._train_further(base, later, own)
        )
        with self._server(own / "model", TRAINED_NAME) as server:
            self._log.run(later.column, lambda: self._evaluate(later.column, server()))
            self._prepare_round(later.number + 1, server)

    def _train_further(self, base: Path, later: LaterRound, own: Path) -> None:
        if self._config.roles:
            self._train(base, BASE_NAME, own)
            return
        # Difficulty has taken most of the questions that are always answered: a model that
        # began at the base again would see a part of what the one before has learned.
        before = later.number - 1
        start = self._dir if before == 1 else self._dir / LaterRound(before).folder
        rate = self._config.later_learning_rate
        parent = f"{TRAINED_NAME}@{before}"
        self._train(start / "model", parent, own, learning_rate=rate)

    def _finish(self) -> LoopResult:
        done = self._log.read()
        names = (*COLUMNS, *(later.column for later in self._later_rounds))
        columns = {name: self._summary(name) for name in names if name in done}
        extra = {n: c for n, c in columns.items() if n not in ("before", "after")}
        write_evaluation(
            self._dir,
            before=columns["before"],
            after=columns["after"],
            extra=extra,
            seconds=self._log.seconds,
        )
        report = write_report(self._dir)
        self._say(f"report: {report}")
        return LoopResult(self._dir, columns, self._log.seconds)

    # What stages share.

    def _summary(self, column: str) -> EvaluationSummary:
        engine = self._log.read()[column]["engine"]
        return summarize_traces(read_traces(self._dir / f"{column}.jsonl"), engine=engine)

    def _check_settings(self) -> None:
        settings = asdict(self._config)
        for name in ("self_distill", "evolving_rounds"):
            del settings[name]  # later rounds may be added to a finished loop
        # A directory of an earlier version lacks fields that were added since. A run's own
        # settings are complete: what they do not name is the context's, not the preset's.
        defaults = asdict(LoopConfig())
        for name in ("self_distill", "evolving_rounds", "settings"):
            del defaults[name]
        check_manifest(self._dir, settings, defaults)

    def _questions(self, split: str) -> list[Question]:
        return read_questions(self._dir / "world" / f"{split}.jsonl")

    def _rollouts(
        self,
        model: BaseChatModel | ModelServer,
        questions: list[Question],
        trace_file: str,
        rollouts: int = 1,
        **settings: Any,
    ) -> None:
        common = {
            **self._config.settings,
            "search": f"searxng:{self._world_url}",
            "allow_private": ALLOWED,
            "cache_dir": self._dir / "cache",
            **settings,
        }
        if isinstance(model, ModelServer):
            common["base_url"] = model.url
            agent = create_deep_search_agent(model.model_names[0], **common)
        else:
            agent = create_deep_search_agent(model, **common)
        with RolloutDisplay(trace_file, self._console) as display:
            engine = RolloutEngine(
                agent,
                self._dir,
                concurrency=self._config.concurrency,
                seed=self._config.seed,
                scorer=outcome,
                on_progress=display.update,
                trace_file=trace_file,
            )
            progress = engine.run(questions, rollouts)
        if progress.failed:
            msg = (
                f"{progress.failed} runs failed, see {self._dir / 'failures.jsonl'}; "
                "run the same command again to retry them"
            )
            raise DeepSearchError(msg) from progress.last_error

    @contextmanager
    def _server(self, model: Path, name: str) -> Iterator[Callable[[], ModelServer]]:
        """Give a function that starts the server the first time a stage needs it."""
        started: list[ModelServer] = []

        def get() -> ModelServer:
            if not started:
                self._say(f"starting a server for {name}")
                server = ModelServer(
                    model,
                    name=name,
                    engine=self._config.engine,
                    log=self._dir / "logs" / f"{model.parent.name}-{name}.log",
                )
                forget_reasoners()
                started.append(server.start())
            return started[0]

        try:
            yield get
        finally:
            for server in started:
                server.stop()

    def _say(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False)
