"""What every stage of a desk run works on: the world, its searches, models that are served."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol

from langchain_core.language_models import BaseChatModel
from rich.console import Console

from ..evals.metrics import outcome
from ..graph.deep_search import create_deep_search_agent
from ..graph.progress import RolloutDisplay
from ..graph.rollout import RolloutEngine
from ..nodes.dialects import get_dialect
from ..nodes.models.resolve import forget_reasoners
from ..questions import Question, read_questions, write_questions
from ..tools.corpus import CorpusSearch
from ..tools.factory import make_search
from ..training.rl import PROCESSED_LOGPROBS
from ..training.serve import Engine, ModelServer, find_vllm_python
from ..world.build import build_world
from ..world.fact_records import Split
from ..world.masked import write_masked_questions
from ..world.open_ended import write_open_questions
from ..world.preset import EVIDENCE_CHARS
from ..world.server import serve_world
from ..world.teacher import DecompositionTeacher, TeacherErrors
from ..world.teacher_roles import RoleTeacher
from .recipe import DeskQuestions, Recipe
from .registry import RecipeError
from .sizes import DeskSize
from .stand_ins import (
    JUDGE,
    REWRITER,
    SIMULATOR,
    judge,
    rewriter,
    serve_stand_ins,
    simulator,
)

ALLOWED = "127.0.0.1"
"""The desk world is served on the loopback."""

SETTINGS: dict[str, Any] = {
    "top_k": 3,
    "read_pages": False,
    "evidence_chars": EVIDENCE_CHARS,
    "max_doc_chars": 300,
    "max_searches": 6,
    "max_turns": 8,
    "max_turn_tokens": 192,
    "temperature": 0.0,
}
"""Settings that the runs of all recipes share at a desk: short evidence, few turns."""

TEACHER_ERRORS = TeacherErrors(0.15, 0.15, 0.15, 0.15)
"""As in the desk loop: a rollout without any of the four defects is one of two."""


class Served(Protocol):
    """A model that is being served."""

    @property
    def url(self) -> str:
        """Base URL of its OpenAI routes."""
        ...

    @property
    def engine(self) -> str:
        """What serves it."""
        ...

    @property
    def model_names(self) -> Sequence[str]:
        """Its served names."""
        ...


class Serving(Protocol):
    """Serves models, one at a time."""

    def __call__(
        self, model: Path, name: str, *, log: Path, trains: bool = False
    ) -> AbstractContextManager[Served]:
        """Serve a model folder under a name while the context is open.

        Args:
            model: a model, or an adapter on one.
            name: the served name.
            log: file of the server's output.
            trains: whether policies are brought to it and its probabilities trained on.
        """
        ...


class ServerProcess:
    """Serves models by vLLM, or by transformers where that is enough.

    Args:
        engine: what serves them; `auto` takes vLLM where an interpreter has it.
    """

    def __init__(self, engine: Engine = "auto") -> None:
        self._engine: Engine = engine

    @contextmanager
    def __call__(
        self, model: Path, name: str, *, log: Path, trains: bool = False
    ) -> Iterator[Served]:
        forget_reasoners()
        server = ModelServer(
            model,
            name=name,
            engine="vllm" if trains else self._engine,
            merge=True,
            updatable=trains,
            log=log,
            extra_arguments=PROCESSED_LOGPROBS if trains else (),
        )
        with server:
            yield server

    def check(self, names: Sequence[str]) -> None:
        """Refuse stages that no server here can serve.

        Args:
            names: stages of reinforcement learning.

        Raises:
            RecipeError: there are such stages and no vLLM.
        """
        if names and (self._engine == "transformers" or find_vllm_python() is None):
            left_out = " ".join(f"--without {name}" for name in names)
            msg = (
                "reinforcement learning needs the token ids and probabilities of vLLM "
                "(see docs/training.md): install it, take --engine auto, or leave the "
                f"stage out with {left_out}"
            )
            raise RecipeError(msg)


class Bench:
    """The desk of one run.

    Args:
        recipe: what is run.
        directory: the run directory.
        size: how much of everything there is.
        seed: of the world and of all sampling.
        console: where progress is shown.
    """

    def __init__(
        self, recipe: Recipe, directory: Path, size: DeskSize, seed: int, console: Console
    ) -> None:
        self.recipe = recipe
        self.directory = directory
        self.size = size
        self.seed = seed
        self._console = console
        self._places: dict[str, str] = {}
        self.stand_ins_url = ""

    def build(self) -> None:
        """Build the world and its questions."""
        world, size = self.directory / "world", self.size
        summary = build_world(
            world,
            pages=size.pages,
            seed=self.seed,
            train_questions=size.train_questions,
            test_questions=size.test_questions,
        )
        masked = self.question_file("masked")
        write_masked_questions(world, masked, size.train_questions, seed=self.seed)
        counts: dict[Split, int] = {
            "train": size.train_questions,
            "test": size.test_questions,
        }
        for split, count in counts.items():
            own = world / f"open_{split}.jsonl"
            write_open_questions(world, own, count, split=split, seed=self.seed)
        both = [*self.questions("world"), *read_questions(world / "open_train.jsonl")]
        write_questions(self.question_file("mixed"), both)
        self.say(str(summary))

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Serve the world and the stand-ins for models while the context is open."""
        folder = self.directory / "world"
        models = {
            SIMULATOR: simulator(CorpusSearch(folder)),
            JUDGE: judge,
            REWRITER: rewriter,
        }
        with ExitStack() as stack:
            world = stack.enter_context(serve_world(folder))
            stand_ins = stack.enter_context(serve_stand_ins(models))
            self.stand_ins_url = stand_ins
            self._places = {
                "world": world.url,
                "corpus": str(folder / "corpus.jsonl"),
                "simulator": f"{stand_ins}?model={SIMULATOR}",
            }
            yield

    def questions(self, kind: DeskQuestions) -> list[Question]:
        """Return the questions to train on."""
        return read_questions(self.question_file(kind))

    def test_questions(self) -> list[Question]:
        """Return the held-out questions; open-ended ones too where some are trained on."""
        world = self.directory / "world"
        files = ["test.jsonl"]
        if any(stage.desk_questions == "mixed" for stage in self.recipe.stages):
            files.append("open_test.jsonl")
        return [question for file in files for question in read_questions(world / file)]

    def teach(self, questions: Sequence[Question], file: Path, rollouts: int = 1) -> None:
        """Run the stand-in for a large model, speaking the recipe's dialect.

        Raises:
            RecipeError: some runs broke on infrastructure.
        """
        roles = self.recipe.desk.roles
        if roles:
            team = RoleTeacher.for_questions(questions)
            self.rollouts(team, questions, file, rollouts, roles=roles)
            return
        teacher = DecompositionTeacher.for_questions(
            questions,
            dialect=get_dialect(self.recipe.dialect),
            errors=TEACHER_ERRORS,
            spaced_answers=True,
        )
        self.rollouts(teacher, questions, file, rollouts)

    def settings(self, **changes: Any) -> dict[str, Any]:
        """Return the settings of a run, with the search as an object."""
        cache = self.directory / "cache"
        spec = self.recipe.desk.search.format(**self._places)
        return {
            **SETTINGS,
            **self.recipe.desk.settings,
            "dialect": self.recipe.dialect,
            "search": make_search(spec, cache_dir=cache, allow_private=ALLOWED),
            "allow_private": ALLOWED,
            "cache_dir": cache,
            **changes,
        }

    def rollouts(
        self,
        model: BaseChatModel | Served,
        questions: Sequence[Question],
        file: Path,
        rollouts: int = 1,
        **changes: Any,
    ) -> None:
        """Run questions into a trace file; finished runs are not run again.

        Raises:
            RecipeError: some runs broke on infrastructure.
        """
        settings = self.settings(**changes)
        chosen: Any = model
        if not isinstance(model, BaseChatModel):
            settings["base_url"], chosen = model.url, model.model_names[0]
        agent = create_deep_search_agent(chosen, **settings)
        with RolloutDisplay(file.name, self._console) as display:
            engine = RolloutEngine(
                agent,
                file.parent,
                concurrency=self.size.concurrency,
                seed=self.seed,
                scorer=outcome,
                on_progress=display.update,
                trace_file=file.name,
            )
            progress = engine.run(questions, rollouts)
        if progress.failed:
            msg = (
                f"{progress.failed} runs failed, see {file.parent / 'failures.jsonl'}; run "
                "the same command again to retry them"
            )
            raise RecipeError(msg)

    def say(self, line: str) -> None:
        """Print a line for the user."""
        self._console.print(line, markup=False, highlight=False)

    def show(self, table: Any) -> None:
        """Print a table for the user."""
        self._console.print(table)

    def question_file(self, kind: DeskQuestions) -> Path:
        """Return the file of the questions to train on."""
        names = {"world": "train.jsonl"}
        return self.directory / "world" / names.get(kind, f"{kind}.jsonl")
