"""Reinforcement learning with the graph as environment.

Rollouts are runs of the graph on a server that gives token ids and probabilities; the
policy is brought to the server before each step's rollouts, as a LoRA adapter of a new
version or as whole weights. Loop and loss are TRL's; rewards: `rewards/`, advantages:
`advantages.py`, order of the questions: `curriculum.py`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..context import Context
from ..curation.internalize import internalized_file
from ..curation.rewriter import recall_form
from ..errors import DeepSearchError
from ..evals.judge import Judge
from ..graph.deep_search import create_deep_search_agent
from ..graph.preflight import check_agent
from ..nodes.models.http import normalize_url
from ..nodes.models.resolve import resolve_reasoner
from ..questions import Question, read_questions
from ..trace import read_traces
from .adapter_sync import AdapterSync
from .curriculum import (
    PlannedQuestion,
    get_curriculum,
    plan_questions,
    shared_stages,
)
from .environment import is_main, meet, process_count, rank
from .graph_rollouts import GraphRollouts
from .reload import reload_weights, require_base
from .result import TrainingError, TrainingResult
from .rewards import get_reward
from .rl_config import PolicySync, RlConfig
from .run import Spent, TrainingRun, check_packages
from .serve import ModelServer
from .sharding import ZERO_3, sharding_of
from .weight_sync import WeightSync

if TYPE_CHECKING:
    from .memorization import Memory
    from .rollout_memory import RolloutMemory

ROLLOUTS_SUFFIX = ".rollouts"
"""What the name of the folder beside the model ends with that keeps the rollouts."""

USUAL_TOKENS = 512
"""Tokens of a rollout where `max_length` does not say; sets what is trained on at once."""

PROCESSED_LOGPROBS = ("--logprobs-mode", "processed_logprobs")
"""Makes vLLM tell the probabilities it sampled with, temperature included."""

SHARED_GPU = ("--gpu-memory-utilization", "0.45")
"""What a server started here may take of the GPU that the trainer is on too; by itself vLLM
takes 0.9. Holds a model and its cache; the trainer holds the model again and activations."""


SAMPLING_TOLERANCE = 0.2
"""Largest mean difference of the server's log-probabilities and the trainer's in a run's
first rollouts. In bfloat16 rounding makes some hundredths; another model, or probabilities
told without the temperature, make several tenths and more."""


def train_rl(
    questions: str | os.PathLike[str],
    model: str | os.PathLike[str],
    out: str | os.PathLike[str],
    config: RlConfig | None = None,
    *,
    settings: Mapping[str, Any] | None = None,
) -> TrainingResult:
    """Train a policy on questions; a killed run goes on from its last checkpoint.

    The same call on a finished folder does nothing. The rollouts stay beside the model,
    in `<folder>.rollouts`.

    Args:
        questions: a question file with answers.
        model: folder of the model to start from, after fine-tuning.
        out: the folder the trained adapter, or model, is to be; absent or empty at first.
        config: the settings; `RlConfig()` if None.
        settings: settings of every run (`Context`): search, budgets, dialect. With
            `base_url` the policy is brought to the vLLM server(s) there, which must take
            adapters, or weights, and see this machine's files; without it one is started,
            unless several processes train (`torchrun`).

    Raises:
        MissingDependencyError: a package is not installed.
        QuestionFileError: the questions cannot be read.
        ReloadError: no server answers, it takes no policy, or it holds another model.
        TrainingError: the model is no model, the server gives no token ids with
            probabilities or those of another model, or several processes cannot share
            the work: no server is named, a step's questions cannot be divided, or ZeRO-3
            has texts to memorize.
        TrainingMismatchError: `out` holds another training run.
    """
    config = config or RlConfig()
    check_packages(config, "trl", "datasets")
    _check_processes(config, settings or {})
    run = RlRun(Path(questions), Path(model), Path(out), config, settings or {})
    return run.finished() or run.train()


def _check_processes(config: RlConfig, settings: Mapping[str, Any]) -> None:
    """Refuse what several processes cannot share."""
    processes = process_count()
    if processes > 1 and not settings.get("base_url"):
        msg = (
            f"{processes} processes train one policy and need a server beside them: start "
            "it (`deepsearch serve --lora`, or --updatable), and name it with --base-url"
        )
        raise TrainingError(msg)
    if config.questions_per_step % processes:
        msg = (
            f"questions_per_step {config.questions_per_step} is no multiple of the "
            f"{processes} processes, each of which asks whole questions"
        )
        raise TrainingError(msg)
    memorizes = config.memorization or config.rewriter_model
    if processes > 1 and memorizes and sharding_of(config).stage == ZERO_3.stage:
        msg = (
            "with ZeRO-3 every process runs the model as often as the others, and texts to "
            "memorize cannot be divided so: take ZeRO-2, or leave them out"
        )
        raise TrainingError(msg)


@dataclass
class PlanReport:
    """What will be asked."""

    questions: int
    steps: int
    stages: dict[str, int]
    """Stage to its questions, repeats counted."""
    shared: str = ""
    """What to say of questions that several stages ask."""
    tokens: int = 0
    trained_tokens: int = 0
    skipped: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """Return what a person should know."""
        stages = ", ".join(f"{name} {count}" for name, count in self.stages.items())
        said = [f"{self.steps} steps over {self.questions} questions ({stages})"]
        return [*said, self.shared] if self.shared else said


class RlRun(TrainingRun[RlConfig]):
    """One reinforcement training."""

    curves = (
        "reward",
        "rewards/f1/mean",
        "rewards/em/mean",
        "rewards/searches/mean",
        "rewards/recalls/mean",
        "rewards/format/mean",
        "kl",
        "entropy",
        "frac_reward_zero_std",
        "memorization",
        "sampling/sampling_logp_difference/mean",
    )

    def __init__(
        self,
        questions: Path,
        model: Path,
        out: Path,
        config: RlConfig,
        settings: Mapping[str, Any],
    ) -> None:
        super().__init__(questions, model, out, config)
        self._settings = dict(settings)
        where = ("judge_url", "rewriter_url")
        told = {n: v for n, v in config.to_json().items() if n not in where}
        self._manifest["config"] = {**told, "settings": _told(settings)}
        self._sync: AdapterSync | WeightSync | None = None
        self._has_own_server = not settings.get("base_url")
        self._rollouts: GraphRollouts | None = None
        self._max_length: int | None = None
        self._check_names()

    def _check_data(self) -> None:
        read_questions(self._data)
        if self._config.memorization:
            next(read_traces(internalized_file(self._config.memorization)), None)

    def _data_hash(self) -> str:
        from .checkpoints import file_sha256

        own = super()._data_hash()
        if not self._config.memorization:
            return own
        learned = file_sha256(internalized_file(self._config.memorization))
        return sha256(f"{own} {learned}".encode()).hexdigest()

    def _check_names(self) -> None:
        names = {
            stage.reward or self._config.reward
            for stage in get_curriculum(self._config.curriculum).stages
        }
        judged = [name for name in names if get_reward(name).needs_judge]
        if judged and not self._config.judge_model:
            msg = f"reward {judged[0]!r} asks a judge: set judge_model (and judge_url)"
            raise TrainingError(msg)
        if self._config.rewriter_model:
            recall_form(self._dialect)
        helpers = {self._config.judge_url, self._config.rewriter_url} - {""}
        if self._sync_kind == "weights" and helpers & set(self._named_urls):
            msg = (
                "judge and rewriter cannot be asked on the policy's server, which takes its "
                "weights: give them a server of their own, or set policy_sync to adapter"
            )
            raise TrainingError(msg)

    @property
    def _dialect(self) -> str:
        named = self._settings.get("dialect") or Context().dialect
        return named if isinstance(named, str) else named.name

    def train(self) -> TrainingResult:
        create_deep_search_agent(**self._settings)  # wrong settings, before a server starts
        with self._server():
            self._check_server()
            try:
                return super().train()
            finally:
                self._close()

    @property
    def _urls(self) -> list[str]:
        return [normalize_url(url) for url in str(self._settings["base_url"]).split(",")]

    @property
    def _named_urls(self) -> list[str]:
        return [] if self._has_own_server else self._urls

    def _check_server(self) -> None:
        """Ask for all that the rollouts need, before a model is loaded."""
        for url in self._urls:
            require_base(url, str(self._manifest["parent"]), "is trained here")
            if self._sync_kind == "weights" and is_main():
                # A killed run has left its policy there; and now we know that it is taken.
                reload_weights(url, self._model)
            if resolve_reasoner("", base_url=url).exactness != "token":
                msg = (
                    f"the server at {url} gives no token ids with probabilities, which is "
                    "what is trained on; serve the policy with vLLM"
                )
                raise TrainingError(msg)
        check_agent(create_deep_search_agent(**self._settings))

    @property
    def _sync_kind(self) -> PolicySync:
        from .arguments import has_cuda

        if self._config.policy_sync:
            return self._config.policy_sync
        is_slow = self._has_own_server and not has_cuda()
        return "weights" if is_slow or not self._config.lora_rank else "adapter"

    @property
    def _folder(self) -> Path:
        return self._out.with_name(self._out.name + ROLLOUTS_SUFFIX)

    @contextmanager
    def _server(self) -> Iterator[None]:
        """Start a server for the policy unless one was named."""
        if self._settings.get("base_url"):
            yield
            return
        server = ModelServer(
            self._model,
            engine="vllm",
            lora=self._sync_kind == "adapter",
            max_lora_rank=self._config.lora_rank,
            updatable=self._sync_kind == "weights",
            log=self._folder / "server.log",
            extra_arguments=_server_arguments(),
        )
        with server:
            self._settings["base_url"] = server.url
            try:
                yield
            finally:
                del self._settings["base_url"]

    def _rows(
        self, tokenizer: Any, max_length: int | None
    ) -> tuple[list[PlannedQuestion], PlanReport]:
        self._max_length = max_length
        questions: Sequence[Question] = [q for q in read_questions(self._data) if q.golds]
        if not questions:
            msg = f"{self._data} has no question with an answer: there is nothing to reward"
            raise TrainingError(msg)
        curriculum = get_curriculum(self._config.curriculum)
        plan = plan_questions(
            questions,
            curriculum,
            steps=self._config.steps,
            per_step=self._config.questions_per_step,
            reward=self._config.reward,
            seed=self._config.seed,
        )
        stages: dict[str, int] = {}
        for planned in plan:
            stages[planned.stage] = stages.get(planned.stage, 0) + 1
        shared = shared_stages(questions, curriculum)
        return plan, PlanReport(len(questions), self._config.steps, stages, shared)

    def _trainer(
        self, rows: Sequence[PlannedQuestion], callbacks: list[Any], tokenizer: Any
    ) -> Any:
        from .attention import check_attention
        from .model import load_weights, lora_settings
        from .rl_trainer import PolicyTrainer, policy_arguments

        os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")  # `rollout_func` is
        mean = float(self._config.max_length or USUAL_TOKENS)
        arguments = policy_arguments(self._config, mean, self._checkpoints)
        weights = load_weights(self._model, self._config)
        check_attention(weights, self._max_length or 0)
        fresh = self._fresh_memory(tokenizer)
        self._rollouts = self._make_rollouts(rows, tokenizer, fresh)
        trainer = PolicyTrainer(
            self._config,
            rollouts=self._rollouts,
            places=len(rows),
            memory=fresh or self._stored_memory(tokenizer),
            model=weights,
            args=arguments,
            processing_class=tokenizer,
            callbacks=callbacks,
            peft_config=lora_settings(self._config),
        )
        self._sync = self._make_sync(trainer)
        trainer.connect(self._sync, tolerance=SAMPLING_TOLERANCE)
        return trainer

    def _make_sync(self, trainer: Any) -> AdapterSync | WeightSync:
        folder = self._folder.absolute()
        if self._sync_kind == "adapter":
            return AdapterSync(
                self._urls, folder / "adapters", self._out.name, save=trainer.save_model
            )
        return WeightSync(
            self._urls, folder / "weights", self._model, save=trainer.save_weights
        )

    def _store(self, model: Any) -> None:
        from .policy_weights import dither_model

        dither_model(model)  # the nearest would be the model before, for small steps

    def _stored_memory(self, tokenizer: Any) -> Memory | None:
        if not self._config.memorization:
            return None
        from .memorization import stored_memory

        memory, report = stored_memory(
            self._config.memorization,
            tokenizer,
            max_length=self._max_length,
            batch=self._config.memorization_batch,
            seed=self._config.seed,
            rank=rank(),
            processes=process_count(),
        )
        if is_main():
            for line in report.lines():
                self._say(f"to memorize: {line}")
        return memory

    def _fresh_memory(self, tokenizer: Any) -> RolloutMemory | None:
        if not self._config.rewriter_model:
            return None
        from .rollout_memory import rollout_memory

        return rollout_memory(
            self._config,
            self._dialect,
            self._folder,
            tokenizer,
            max_length=self._max_length,
            rank=rank(),
        )

    def _make_rollouts(
        self,
        plan: Sequence[PlannedQuestion],
        tokenizer: Any,
        memory: RolloutMemory | None,
    ) -> GraphRollouts:
        settings = dict(self._settings)
        if self._max_length is not None:
            settings.setdefault("max_context_tokens", self._max_length)
        return GraphRollouts(
            create_deep_search_agent(**settings),
            plan,
            self._config,
            tokenizer,
            self._folder,
            model_name=lambda: self._sync.model_name if self._sync else "",
            settings={},
            max_length=self._max_length,
            judge=self._judge(),
            memory=memory,
            rank=rank(),
            processes=process_count(),
        )

    def _judge(self) -> Judge | None:
        if not self._config.judge_model:
            return None
        return Judge(
            resolve_reasoner(self._config.judge_model, base_url=self._config.judge_url)
        )

    def _resume(self, checkpoint: Path | None) -> None:
        assert self._rollouts is not None
        done = int(checkpoint.name.split("-")[1]) if checkpoint else 0
        if is_main():
            self._rollouts.forget_from(done // self._config.updates)
        meet()

    def _spent(self, rows: Sequence[Any]) -> Spent:
        spent = Spent()
        for path in sorted(self._folder.glob("step-*.jsonl")):
            for trace in read_traces(path):
                own = [s for s in trace.segments if s.trainable]
                spent.tokens += sum(len(s.token_ids or ()) for s in trace.segments)
                spent.trained_tokens += sum(len(s.token_ids or ()) for s in own)
        return spent

    def _close(self) -> None:
        if self._sync is not None:
            try:
                self._sync.close()
            except DeepSearchError as error:
                # The server may be gone by now; the model is saved, which is what counts.
                self._say(f"the server keeps the policy: {error}")


def _server_arguments() -> tuple[str, ...]:
    from .arguments import has_cuda

    return (*PROCESSED_LOGPROBS, *(SHARED_GPU if has_cuda() else ()))


def _told(settings: Mapping[str, Any]) -> dict[str, str]:
    """Return settings for the manifest; where models are served is no part of it."""
    plain = (str, int, float, bool, Path)
    return {
        name: str(value) if isinstance(value, plain) else type(value).__name__
        for name, value in sorted(settings.items())
        if name != "base_url" and value is not None
    }
