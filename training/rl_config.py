"""Settings of reinforcement learning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from .config import ConfigError, TrainingConfig

if TYPE_CHECKING:
    from .advantages import Estimator  # importing it loads torch; settings need none

Algorithm = Literal["reinforce_plus_plus", "reinforce_plus_plus_baseline", "grpo", "dapo"]

Importance = Literal["none", "token_truncate", "token_mask", "sequence_truncate"]
"""How the server's probabilities, which the rollouts were sampled with, are corrected to
the trainer's: TRL's modes."""

ESTIMATORS: dict[str, Estimator] = {
    "reinforce_plus_plus": "batch",
    "reinforce_plus_plus_baseline": "group_baseline",
    "grpo": "group",
    "dapo": "group",
}
"""Algorithm to the advantage it takes."""

LOSSES = {"dapo": "dapo"}
"""TRL's loss type where it is not `grpo` (a mean over each rollout, then over rollouts):
DAPO takes the mean over all tokens."""

PolicySync = Literal["adapter", "weights"]

CLIP = 0.2
"""Range of the ratio of new and old policy (PPO's, all four)."""

CLIP_HIGHER = 0.28
"""DAPO's upper range (arXiv 2503.14476, section 4.1)."""

DYNAMIC_ROUNDS = 3
"""Rounds in which DAPO's groups without a difference are replaced by other questions'."""


MU = 0.1
"""Weight of the memorization loss (R1-Searcher++, mu) [secondary]."""

MEMORIZATION_BATCH = 8
"""Texts to memorize of an optimizer step, where they come from a file; ours."""


@dataclass(frozen=True)
class RlConfig(TrainingConfig):
    """How to train by reinforcement. `batch_size` counts rollouts of an optimizer step."""

    learning_rate: float = 2e-6
    warmup: float = 0.0
    batch_size: int = 64
    lora_rank: int = 16
    """0: all weights are trained, as in most papers; else an adapter."""
    policy_sync: PolicySync | None = None
    """How the policy reaches its server. adapter: as a new one beside the versions before.
    weights: whole, in the place of the model's, which the server must allow
    (`--updatable`). None: as an adapter where there is one, but as weights where the server
    is started here without a GPU: vLLM is slow with adapters on a CPU."""
    algorithm: Algorithm = "reinforce_plus_plus"
    reward: str = "simple_deep_searcher"
    """Name of the reward, unless the curriculum's stage has one."""
    overlong_tokens: int | None = None
    """Most tokens a rollout may write before its reward has lost 1; the loss begins at four
    fifths of them (DAPO's soft overlong punishment). None: none is lost."""
    curriculum: str = "plain"
    steps: int = 100
    """Times that rollouts are made; each may give several optimizer steps."""
    questions_per_step: int = 8
    rollouts: int = 8
    """Rollouts of each question, at least 2."""
    kl: float = 0.0
    """Weight of the divergence from the model that was started from."""
    kl_in: Literal["loss", "reward"] = "loss"
    """loss: a term of the loss (GRPO's estimate, not weighed by the ratio). reward: taken off
    the reward, token by token (plain REINFORCE++)."""
    clip_low: float = CLIP
    clip_high: float | None = None
    """None: the algorithm's."""
    dynamic_rounds: int | None = None
    """Rounds of dynamic sampling; None: the algorithm's."""
    importance: Importance = "token_truncate"
    importance_cap: float = 2.0
    temperature: float = 1.0
    """Of the rollouts, which are sampled without top-p and top-k, so that the server's
    probabilities are the policy's."""
    concurrency: int = 32
    """Rollouts in flight at once, of each process that trains."""
    judge_model: str = ""
    """Model of a reward's judge: a served name with `judge_url`, or provider:model."""
    judge_url: str = ""
    memorization: str | None = None
    """What is learned by heart beside the reward (R1-Searcher++): the folder that
    `deepsearch internalize` wrote, or a file of such traces."""
    memorization_weight: float = MU
    memorization_batch: int = MEMORIZATION_BATCH
    """Texts of an optimizer step, where they come from a file."""
    rewriter_model: str = ""
    """Model that rewrites each step's right rollouts, to be learned in that step: a served
    name with `rewriter_url`, or provider:model."""
    rewriter_url: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_sizes()
        if self.policy_sync == "adapter" and not self.lora_rank:
            msg = (
                "policy_sync='adapter' needs an adapter: set lora_rank to 1 or more, or "
                "policy_sync to weights"
            )
            raise ConfigError(msg)
        if self.kl_in == "reward" and self.algorithm != "reinforce_plus_plus":
            msg = "kl_in='reward' is plain REINFORCE++'s; set kl_in to loss"
            raise ConfigError(msg)
        if self.kl_in == "reward" and self.importance == "none":
            msg = "kl_in='reward' needs the trainer's probabilities: set importance"
            raise ConfigError(msg)
        if self.memorization and self.rewriter_model:
            msg = (
                "settings memorization and rewriter_model exclude each other: texts come "
                "from a file, or from the rollouts of each step"
            )
            raise ConfigError(msg)
        if self.evaluation_fraction:
            msg = (
                "evaluation_fraction has no meaning here; hold questions out and run "
                "`deepsearch evaluate` before and after"
            )
            raise ConfigError(msg)

    def _check_sizes(self) -> None:
        names = ("steps", "questions_per_step", "concurrency", "temperature")
        for name in (*names, "memorization_batch", "overlong_tokens"):
            if (value := getattr(self, name)) is not None and value <= 0:
                msg = f"setting {name} must be more than 0"
                raise ConfigError(msg)
        if self.rollouts < 2:
            msg = "setting rollouts must be 2 or more: rewards are compared"
            raise ConfigError(msg)
        if self.rollouts_per_step % self.batch_size:
            msg = (
                f"questions_per_step times rollouts ({self.rollouts_per_step}) must be a "
                f"multiple of batch_size {self.batch_size}"
            )
            raise ConfigError(msg)
        for name in ("kl", "clip_low", "memorization_weight"):
            if getattr(self, name) < 0:
                msg = f"setting {name} must be 0 or more"
                raise ConfigError(msg)

    @property
    def rollouts_per_step(self) -> int:
        """Rollouts made at once."""
        return self.questions_per_step * self.rollouts

    @property
    def updates(self) -> int:
        """Optimizer steps made of one step's rollouts."""
        return self.rollouts_per_step // self.batch_size

    @property
    def upper_clip(self) -> float:
        """Upper range of the ratio, the algorithm's where none is set."""
        if self.clip_high is not None:
            return self.clip_high
        return CLIP_HIGHER if self.algorithm == "dapo" else self.clip_low

    @property
    def resampling_rounds(self) -> int:
        """Rounds of dynamic sampling, the algorithm's where none is set."""
        if self.dynamic_rounds is not None:
            return self.dynamic_rounds
        return DYNAMIC_ROUNDS if self.algorithm == "dapo" else 0
