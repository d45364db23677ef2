"""TRL's GRPO trainer with the graph's rollouts, four advantages, and text to memorize."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from accelerate.utils import gather_object
from datasets import Dataset
from torch.nn.utils.rnn import pad_sequence
from trl.trainer.grpo_config import GRPOConfig
from trl.trainer.grpo_trainer import GRPOTrainer

from .adapter_sync import AdapterSync
from .advantages import Estimator, advantages, normalized, rewards_to_go
from .arguments import argument_values
from .attention import ATTENTION_NAME
from .environment import process_count
from .graph_rollouts import FIGURES, GraphRollouts
from .memorization import Memory, memorization_loss
from .packed_forward import add_packed_forward, causal_model
from .policy_weights import save_policy
from .result import TrainingError
from .rl_config import ESTIMATORS, LOSSES, RlConfig
from .rows import IGNORED
from .weight_sync import WeightSync

PATIENCE = 24 * 3600
"""Seconds that a process waits for the others: their rollouts may take much longer than its
own, by dynamic sampling above all."""

DIFFERENCE = "sampling/sampling_logp_difference/mean"
"""TRL's name for how far the server's log-probabilities are from the trainer's."""

MEMORIZATION = "memorization"
"""Name of L_M in the trainer's log."""


def figure(name: str) -> Any:
    """Return a reward function that hands on what the rollouts brought with them."""

    def reported(**columns: Any) -> list[float]:
        return columns[name]

    reported.__name__ = name
    return reported


class PolicyTrainer(GRPOTrainer):
    """TRL's loop, loss, reference model and importance correction over our rollouts.

    TRL corrects for the server's probabilities only with its own vLLM client. Ours takes
    that client's place after the trainer is made: it has the one method that is called.

    With a `memory` the loss is R1-Searcher++'s, -J + mu * L_M (`memorization.py`).
    """

    def __init__(
        self,
        config: RlConfig,
        *,
        rollouts: GraphRollouts,
        places: int,
        memory: Memory | None = None,
        **arguments: Any,
    ) -> None:
        reported = [figure(name) for name in ("reward", *FIGURES)]
        self._config = config
        self._rollouts = rollouts
        self._memory = memory
        self._tolerance: float | None = None
        """Of the first rollouts, until they were compared."""
        self._part = (-1, 0)
        """Optimizer step, and how many of its batches were seen."""
        super().__init__(
            reward_funcs=reported,
            train_dataset=Dataset.from_dict({"prompt": [str(i) for i in range(places)]}),
            rollout_func=self._rolled_out,
            **arguments,
        )
        for model in (self.model, self.ref_model):
            if model is not None:
                own = causal_model(self.accelerator.unwrap_model(model))
                own.set_attn_implementation(ATTENTION_NAME)  # TRL loads the reference
                add_packed_forward(own, self.temperature, ("entropy",))
        self._round_rewards = torch.zeros(0)
        self._estimator: Estimator = ESTIMATORS[config.algorithm]

    def save_weights(self, folder: Path, version: int) -> None:
        """Write the policy's whole weights, for a server to load; every process takes part.

        Args:
            folder: is made.
            version: of the policy; seeds the rounding.
        """
        state: Any = self.accelerator.get_state_dict(self.model_wrapped)
        if self.accelerator.is_main_process:
            policy = self.accelerator.unwrap_model(self.model)
            save_policy(folder, state, policy, seed=version)

    def connect(
        self, sync: AdapterSync | WeightSync, *, tolerance: float | None = None
    ) -> None:
        """Bring the policy to its server before every step's rollouts.

        Args:
            sync: takes it there.
            tolerance: largest mean difference of the server's log-probabilities and the
                trainer's in the first rollouts, where both must have the same policy;
                None: not looked at.
        """
        self._tolerance = tolerance
        self.vllm_generation = sync
        self._last_loaded_step = -1
        self.use_vllm = True
        self.vllm_importance_sampling_correction = self._config.importance != "none"

    def _rolled_out(self, prompts: list[str], trainer: Any) -> dict[str, Any]:
        columns = self._rollouts(prompts, trainer)
        masks = [torch.tensor(mask) for mask in columns["env_mask"]]
        self._written = pad_sequence(masks, batch_first=True)
        return columns

    def _get_per_token_logps_and_entropies(
        self,
        model: Any,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        logits_to_keep: int,
        batch_size: int | None = None,
        compute_entropy: bool = False,
        compute_aux_loss: bool = False,
        **_: Any,
    ) -> tuple[torch.Tensor, torch.Tensor | None, torch.Tensor | None]:
        """Return log-probabilities and entropies where the policy wrote, else 0.

        TRL scores what the graph wrote too and leaves it out of the loss afterwards; of a
        run that reads much, those logits are most.
        """
        written = self._written.to(input_ids.device)
        labels = torch.full_like(input_ids, IGNORED)
        labels[:, -logits_to_keep:] = input_ids[:, -logits_to_keep:].masked_fill(
            written == 0, IGNORED
        )
        router = {"output_router_logits": True} if compute_aux_loss else {}
        found = []
        for part in torch.arange(len(labels)).split(batch_size or len(labels)):
            with self.accelerator.autocast():
                output = model(
                    input_ids=input_ids[part],
                    attention_mask=attention_mask[part],
                    labels=labels[part],
                    fused_lm_head=True,
                    figures=("entropy",) if compute_entropy else (),
                    **router,
                )
            found.append(output)
        logps = torch.cat([output.log_probs for output in found])[:, -logits_to_keep:]
        entropies, balance = None, None
        if compute_entropy:
            entropies = torch.cat([output.entropy for output in found])
            entropies = entropies[:, -logits_to_keep:]
        if compute_aux_loss:
            balance = torch.stack([output.aux_loss for output in found]).mean()
        return logps, entropies, balance

    def _calculate_rewards(self, *arguments: Any, **named: Any) -> torch.Tensor:
        found = super()._calculate_rewards(*arguments, **named)
        self._round_rewards = found[:, 0]  # of a step's rollouts, every process's
        return found

    def _generate_and_score_completions(
        self, inputs: list[dict[str, Any]]
    ) -> dict[str, Any]:
        if self._tolerance is None:
            output = super()._generate_and_score_completions(inputs)
        else:
            output = self._compared(inputs, self._tolerance)
        if self._config.kl and self._config.kl_in == "reward":
            output["advantages"] = self._token_advantages(output)
            return output
        size = self.num_generations
        assert size is not None
        found = advantages(self._round_rewards, size, self._estimator)
        output["advantages"] = self._own(found, output)
        return output

    def _compared(self, inputs: list[dict[str, Any]], tolerance: float) -> dict[str, Any]:
        """Return the first rollouts, unless they were sampled from another model."""
        corrects, self.vllm_importance_sampling_correction = (
            self.vllm_importance_sampling_correction,
            True,  # what it computes is compared here, whether it is applied or not
        )
        try:
            output = super()._generate_and_score_completions(inputs)
        finally:
            self.vllm_importance_sampling_correction = corrects
        self._tolerance = None
        difference = self._metrics["train"][DIFFERENCE][-1]
        if difference > tolerance:
            msg = (
                "the server's log-probabilities differ from the trainer's by "
                f"{difference:.2f} on average before anything was trained (up to "
                f"{tolerance} is rounding): it holds another model than the one that is "
                "trained, or was started without --logprobs-mode processed_logprobs"
            )
            raise TrainingError(msg)
        return output

    def _own(self, values: torch.Tensor, output: dict[str, Any]) -> torch.Tensor:
        """Return this process's part of what is known of every rollout."""
        count = len(output["completion_mask"])
        first = self.accelerator.process_index * count
        return values[first : first + count]

    def _token_advantages(self, output: dict[str, Any]) -> torch.Tensor:
        """Return REINFORCE++'s advantages: reward less the divergence to come, normalised."""
        mask = output["completion_mask"]
        if "tool_mask" in output:
            mask = mask * output["tool_mask"]
        policy = output["old_per_token_logps"]
        divergence = policy - output["ref_per_token_logps"]
        rewards = self._own(self._round_rewards, output)
        returns = rewards_to_go(rewards, divergence, mask, self._config.kl)
        parts = gather_object([returns[mask.bool()].cpu()])
        return normalized(returns, mask, torch.cat(parts).to(returns.device))

    def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> torch.Tensor:
        loss = self._policy_loss(model, inputs)
        if self._memory is None or not model.training:
            return loss
        memorized = self._memorized(model, self._memory)
        return loss if memorized is None else loss + memorized

    def _policy_loss(self, model: Any, inputs: dict[str, Any]) -> torch.Tensor:
        # Processes run the model in step; a divergence and a balance are of every row.
        if process_count() > 1 or self._config.kl or self.aux_loss_enabled:
            return self._loss_of(model, inputs)
        return self._informed_loss(model, inputs)

    def _informed_loss(self, model: Any, inputs: dict[str, Any]) -> torch.Tensor:
        """Return the loss without running the model on rows that have no part in it.

        Where all rollouts of a question have one reward, its advantages are 0 and so are its
        gradients; late in a training that is most questions. Entropy and clipping are
        reported of the other rows then.
        """
        count = len(inputs["advantages"])
        pushed = inputs["advantages"].reshape(count, -1).any(1)
        teaches = pushed & (inputs["completion_mask"] * inputs["tool_mask"]).any(1)
        if not teaches.any():
            # One row all the same: ZeRO-3 takes no gradient without a forward pass.
            lengths = inputs["prompt_mask"].sum(1) + inputs["completion_mask"].sum(1)
            teaches[lengths.argmin()] = True
        rows = int(teaches.sum())
        informed = {
            name: value[teaches] if torch.is_tensor(value) and value.dim() else value
            for name, value in inputs.items()
        }
        loss = self._loss_of(model, informed)
        # `grpo` is a mean over rows, those left out included; `dapo` counts tokens itself.
        return loss * rows / count if self.loss_type == "grpo" else loss

    def _loss_of(self, model: Any, inputs: dict[str, Any]) -> torch.Tensor:
        self._written = inputs["completion_mask"] * inputs["tool_mask"]
        if self._config.kl_in == "loss" or not self._config.kl:
            return super()._compute_loss(model, inputs)
        # The divergence is in the advantages already; TRL would add it to the loss too.
        weight, self.beta = self.beta, 0.0
        try:
            return super()._compute_loss(model, inputs)
        finally:
            self.beta = weight

    def _memorized(self, model: Any, memory: Memory) -> torch.Tensor | None:
        """Return mu * L_M's part that comes with this batch of rollouts."""
        step, seen = self._part
        part = seen if step == self.state.global_step else 0
        self._part = (self.state.global_step, part + 1)
        parts = self.current_gradient_accumulation_steps
        # The model itself: whether a process has rows in a batch is its own affair.
        policy = self.accelerator.unwrap_model(model)
        rows = memory.rows(self.state.global_step)
        tokens = self._mean(sum(row.trained_tokens for row in rows))
        loss = memorization_loss(policy, rows, part, parts, tokens)
        # The log takes the mean over a step's batches; L_M is their sum.
        told = self._mean(0.0 if loss is None else loss.item()) * parts
        self._metrics["train"][MEMORIZATION].append(told)
        return None if loss is None else self._config.memorization_weight * loss

    def _mean(self, value: float) -> float:
        """Return the mean of all processes' values."""
        own = torch.tensor(float(value), device=self.accelerator.device)
        all_values: Any = self.accelerator.gather(own)
        return all_values.mean().item()


def policy_arguments(config: RlConfig, mean_tokens: float, checkpoints: Path) -> GRPOConfig:
    """Return TRL's arguments for our settings.

    Args:
        config: our settings.
        mean_tokens: tokens of a rollout, about; decides how many are trained on at once
            on a CPU.
        checkpoints: folder of the checkpoints.

    Raises:
        BatchSizeError: the batch size does not divide evenly.
    """
    steps = config.steps * config.updates
    values = argument_values(config, steps * config.batch_size, mean_tokens, checkpoints)
    accumulated = values["gradient_accumulation_steps"]
    # A checkpoint stands between two steps' rollouts, or a resumed run would repeat some.
    apart = -(-values["save_steps"] // config.updates) * config.updates
    values |= {"num_train_epochs": 1, "max_steps": steps, "save_steps": apart}
    values |= {"ddp_timeout": PATIENCE}
    return GRPOConfig(
        **values,
        num_generations=config.rollouts,
        steps_per_generation=accumulated * config.updates,
        max_completion_length=config.max_length,
        shuffle_dataset=False,
        temperature=config.temperature,
        beta=config.kl,
        use_bias_correction_kl=False,  # GRPO's own term; weighing it by the ratio came later
        epsilon=config.clip_low,
        epsilon_high=config.upper_clip,
        loss_type=LOSSES.get(config.algorithm, "grpo"),
        scale_rewards="group",
        reward_weights=[1.0] + [0.0] * len(FIGURES),
        vllm_importance_sampling_mode=(
            "token_truncate" if config.importance == "none" else config.importance
        ),
        vllm_importance_sampling_clip_max=config.importance_cap,
    )
