from __future__ import annotations

import functools
import itertools
import json
import os
import re
import shutil
from pathlib import Path
from statistics import mean, stdev
from types import SimpleNamespace

import pytest

pytest.importorskip("torch", reason="training needs torch")
pytest.importorskip("trl", reason="needs trl: pip install 'langgraph-deepsearch[train]'")
pytest.importorskip("peft", reason="LoRA needs peft")

import policy_processes
import torch
from killed_runs import torchrun
from policy_processes import Prepared, prepared_columns, train_prepared
from policy_processes import settings as settings_of
from tiny_server import TinyServer
from transformers import AutoModelForCausalLM, AutoTokenizer

from langgraph_deepsearch.graph.deep_search import create_deep_search_agent
from langgraph_deepsearch.nodes.models.resolve import forget_reasoners
from langgraph_deepsearch.questions import Question, write_questions
from langgraph_deepsearch.trace import read_traces
from langgraph_deepsearch.training.adapter_sync import AdapterSync
from langgraph_deepsearch.training.config import ConfigError, find_config
from langgraph_deepsearch.training.curriculum import PlannedQuestion
from langgraph_deepsearch.training.graph_rollouts import FIGURES, GraphRollouts
from langgraph_deepsearch.training.model import (
    load_weights,
    lora_settings,
)
from langgraph_deepsearch.training.reload import ReloadError
from langgraph_deepsearch.training.rl import train_rl
from langgraph_deepsearch.training.rl_config import RlConfig
from langgraph_deepsearch.training.rl_trainer import PolicyTrainer, policy_arguments
from langgraph_deepsearch.training.serve import free_port
from langgraph_deepsearch.training.sft import TrainingError
from langgraph_deepsearch.training.weight_sync import WeightSync

SMALL = RlConfig(
    learning_rate=5e-2,
    batch_size=4,
    micro_batch_size=4,
    questions_per_step=2,
    rollouts=2,
    steps=2,
    lora_rank=4,
    dtype="float32",
    threads=1,
    concurrency=2,
)


def script(answers):
    """Search once, then say the answers in turn."""
    turn = itertools.cycle(answers)

    def reply(prompt):
        if "begin_search_result|>The" in prompt or "Paris is" in prompt:
            return f"So.</think>\n\n\\boxed{{{next(turn)}}}"
        return "Look.<|begin_search_query|>capital<|end_search_query|> and more"

    return reply


@pytest.fixture
def server(tiny_model):
    with TinyServer(tiny_model, script(["Paris", "Rome"])) as running:
        yield running
    forget_reasoners()


@pytest.fixture
def settings(server):
    return settings_of(server.url)


def planned(count):
    questions = [Question(f"q{n}", f"Capital {n}?", ("Paris",)) for n in range(count)]
    return [PlannedQuestion(q, "all", "search_r1") for q in questions]


def rollouts_of(server, settings, tmp_path, tokenizer, config=SMALL, count=2, **changes):
    return GraphRollouts(
        create_deep_search_agent(**settings),
        planned(count),
        config,
        tokenizer,
        tmp_path / "rollouts",
        model_name=lambda: "tiny",
        settings={},
        **changes,
    )


def trainer_at(step):
    return SimpleNamespace(state=SimpleNamespace(global_step=step))


def test_rollouts_are_the_servers_tokens_with_their_rewards(
    server, settings, tmp_path, base_tokenizer
):
    rollouts = rollouts_of(server, settings, tmp_path, base_tokenizer)
    found = rollouts(["0", "0", "1", "1"], trainer_at(0))
    assert {"prompt_ids", "completion_ids", "logprobs", "env_mask"} <= set(found)
    assert set(FIGURES) <= set(found)
    assert sorted(found["reward"][:2]) in ([0.0, 0.0], [0.0, 1.0], [1.0, 1.0])
    assert sum(found["reward"]) == 2.0
    assert found["searches"] == [1.0] * 4
    text = base_tokenizer.decode(found["completion_ids"][0])
    assert "Paris is the capital." in text
    for ids, mask, values, prompt in zip(
        found["completion_ids"],
        found["env_mask"],
        found["logprobs"],
        found["prompt_ids"],
        strict=True,
    ):
        own = [i for i, mine in zip(ids, mask, strict=True) if mine]
        said = base_tokenizer.decode(own)
        assert "Paris is" not in said
        assert said.startswith("Look.<|begin_search_query|>capital")
        assert said.endswith(f"}}{base_tokenizer.eos_token}")
        expected = server.logprobs("tiny", prompt, ids)
        for mine, value, real in zip(mask, values, expected, strict=True):
            if mine:
                assert value == pytest.approx(real, abs=1e-3)


def test_an_end_that_came_too_soon_is_a_token_of_the_row_and_of_no_later_prompt(
    server, settings, tmp_path, base_tokenizer
):
    end = base_tokenizer.eos_token_id
    prompts = []

    def reply(prompt):
        prompts.append(prompt)
        return "\\boxed{Paris}" if "No search was made" in prompt else words.pop()

    server.script = reply
    words = ["", "Hm."]
    config = RlConfig(**{**SMALL.to_json(), "concurrency": 1})
    rollouts = rollouts_of(server, settings, tmp_path, base_tokenizer, config)
    found = rollouts(["0", "0"], trainer_at(0))
    said = base_tokenizer("Hm.")["input_ids"]
    assert found["completion_ids"] == [[*said, end], [end]]
    assert found["env_mask"] == [[1] * (len(said) + 1), [1]]
    for prompt, ids, values in zip(
        found["prompt_ids"], found["completion_ids"], found["logprobs"], strict=True
    ):
        assert values == pytest.approx(server.logprobs("tiny", prompt, ids), abs=1e-3)
    assert found["reward"] == [1.0, 1.0]  # both went on, without that token in their prompt
    for first, later in zip(prompts[::2], prompts[1::2], strict=True):
        assert later.startswith(first)
        mark = base_tokenizer.eos_token
        assert later.count(mark) == first.count(mark)
    (file,) = (tmp_path / "rollouts").glob("step-00000-*.jsonl")
    for trace in read_traces(file):
        first, *_, last = (s for s in trace.segments if s.trainable)
        assert (first.end_id, last.end_id) == (end, end)


def test_a_step_is_kept_on_disk_and_not_asked_twice(
    server, settings, tmp_path, base_tokenizer
):
    rollouts = rollouts_of(server, settings, tmp_path, base_tokenizer)
    first = rollouts(["0", "0"], trainer_at(3))
    again = rollouts(["0", "0"], trainer_at(3))
    assert again["completion_ids"] == first["completion_ids"]
    (file,) = (tmp_path / "rollouts").glob("step-00003-*.jsonl")
    assert len(list(read_traces(file))) == 2
    rollouts.forget_from(4)
    assert file.is_file()
    rollouts.forget_from(3)
    assert not file.exists()


def test_simulated_engines_are_told_step_and_gold(
    server, settings, tmp_path, base_tokenizer
):
    rollouts_of(server, settings, tmp_path, base_tokenizer)(["0", "0"], trainer_at(1))
    (episode, *_) = settings["search"].episodes
    assert episode.golds == ("Paris",)
    assert (episode.training_step, episode.training_steps) == (1, SMALL.steps)
    assert episode.noise is None
    config = RlConfig(**{**SMALL.to_json(), "curriculum": "zero_search"})
    rollouts = rollouts_of(
        server, settings, tmp_path / "noisy", base_tokenizer, config=config
    )
    rollouts(["0", "0"], trainer_at(1))
    assert settings["search"].episodes[-1].noise == pytest.approx(0.5 / 3)


def test_the_policy_is_sampled_from_as_it_is(
    server, settings, tmp_path, base_tokenizer, monkeypatch
):
    """What an agent is served with would make other probabilities than the policy's."""
    for name in ("TOP_P", "REPETITION_PENALTY"):
        monkeypatch.setenv(f"DEEPSEARCH_{name}", "0.5")
    rollouts_of(server, settings, tmp_path, base_tokenizer)(["0", "0"], trainer_at(0))
    assert server.sampled
    for body in server.sampled:
        assert body.get("top_p", 1.0) == body.get("repetition_penalty", 1.0) == 1.0
        assert body.get("top_k", -1) == -1


def test_dynamic_sampling_replaces_groups_without_a_difference(
    server, settings, tmp_path, base_tokenizer
):
    def reply(prompt):
        if "Paris is" not in prompt:
            return "Look.<|begin_search_query|>capital<|end_search_query|>"
        if "Capital 0?" in prompt:
            return "\\boxed{Paris}"
        return f"\\boxed{{{next(turn)}}}"

    turn = itertools.cycle(["Paris", "Rome"])
    server.script = reply
    config = RlConfig(**{**SMALL.to_json(), "dynamic_rounds": 2, "concurrency": 1})
    rollouts = rollouts_of(
        server, settings, tmp_path, base_tokenizer, config=config, count=6
    )
    found = rollouts(["0", "0", "1", "1"], trainer_at(0))
    assert sorted(found["reward"][:2]) == sorted(found["reward"][2:]) == [0.0, 1.0]
    plain = rollouts_of(server, settings, tmp_path / "plain", base_tokenizer)
    assert plain(["0", "0"], trainer_at(0))["reward"] == [1.0, 1.0]


def test_processes_draw_other_questions_for_dynamic_sampling(
    server, settings, tmp_path, base_tokenizer
):
    config = RlConfig(**{**SMALL.to_json(), "steps": 5, "dynamic_rounds": 2})
    parts = [
        rollouts_of(
            server,
            settings,
            tmp_path,
            base_tokenizer,
            config=config,
            count=10,
            rank=rank,
            processes=2,
        )
        for rank in (0, 1)
    ]
    drawn = []
    for rank, part in enumerate(parts):
        groups = [SimpleNamespace(planned=planned(10)[2 + rank])]
        for attempt in (1, 2):
            drawn += [p.question.id for p in part._others(1, attempt, groups, 1)]
    # Neither those of the step, q2 and q3, nor one twice.
    assert len(set(drawn)) == 4
    assert not {"q2", "q3"} & set(drawn)


def log_probabilities(model, prompt, ids, temperature=1.0):
    logits = model(torch.tensor([[*prompt, *ids]])).logits[0, len(prompt) - 1 : -1]
    logits = logits / temperature
    return logits.log_softmax(-1).gather(1, torch.tensor(ids)[:, None])[:, 0]


def trainer_of(model, folder, given, config):
    """Return a trainer over prepared rollouts."""
    return PolicyTrainer(
        config,
        rollouts=Prepared(given),
        places=4,
        model=load_weights(model, config),
        args=policy_arguments(config, 16, folder),
        processing_class=AutoTokenizer.from_pretrained(model),
        peft_config=lora_settings(config),
    )


ALGORITHMS = [
    ("grpo", {"temperature": 0.7}),
    ("grpo", {"lora_rank": 0, "kl": 0.1}),
    ("grpo", {"micro_batch_size": 1}),
    ("reinforce_plus_plus", {"kl": 0.1}),
    ("reinforce_plus_plus_baseline", {"kl": 0.1}),
    ("grpo", {"kl": 0.1}),
    ("dapo", {"kl": 0.1}),
    ("grpo", {}),
    ("reinforce_plus_plus", {"kl": 0.1, "kl_in": "reward"}),
]


@pytest.mark.parametrize(("algorithm", "changes"), ALGORITHMS)
def test_loss_and_gradients_equal_a_plain_reference(
    tiny_model, tmp_path, algorithm, changes
):
    values = {**SMALL.to_json(), "algorithm": algorithm, "importance_cap": 1.2, **changes}
    config = RlConfig(**values)
    generator = torch.Generator().manual_seed(0)
    given = prepared_columns([1.0, 0.0, 2.0, -2.0], generator)
    trainer = trainer_of(tiny_model, tmp_path, given, config)
    model = trainer.model
    move(model, generator)
    trainer.connect(SimpleNamespace(sync_weights=lambda: None))
    model.train()
    trainer.current_gradient_accumulation_steps = 1
    batch = trainer._generate_and_score_completions([{"prompt": str(i)} for i in range(4)])
    with torch.no_grad():
        scored = all_log_probabilities(model, given, config.temperature)
    move(model, generator)  # as earlier updates on these rollouts would: ratios leave 1
    loss = trainer.compute_loss(model, batch)
    loss.backward()
    gradients = adapter_gradients(model)

    plain = AutoModelForCausalLM.from_pretrained(
        tiny_model, dtype=torch.float32, attn_implementation="eager"
    )
    with torch.no_grad():
        base = all_log_probabilities(plain, given, config.temperature)
    expected, clipped = reference(config, model, given, scored, base)
    expected.backward()
    assert loss.item() == pytest.approx(expected.item(), abs=1e-3)
    assert abs(expected.item()) > 1e-2
    assert 0 < clipped < sum(map(sum, given["env_mask"]))
    torch.testing.assert_close(gradients, adapter_gradients(model), atol=1e-4, rtol=1e-3)
    assert max(gradient.abs().max() for gradient in gradients.values()) > 1e-2


def move(model, generator):
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                weight += 0.5 * torch.randn(weight.shape, generator=generator)
            elif weight.requires_grad and "lora_" not in name:
                weight += 0.1 * torch.randn(weight.shape, generator=generator)


def adapter_gradients(model):
    """Return the gradients of what is trained, an adapter's weights or all; forget them."""
    named = {n: p for n, p in model.named_parameters() if p.requires_grad}
    found = {name: weight.grad.clone() for name, weight in named.items()}
    model.zero_grad()
    return found


def all_log_probabilities(model, given, temperature):
    return [
        log_probabilities(model, prompt, ids, temperature)
        for prompt, ids in zip(given["prompt_ids"], given["completion_ids"], strict=True)
    ]


def reference(config, model, given, scored, base):
    """The loss written out, no padding and one rollout at a time; and the clipped tokens."""
    masks = [torch.tensor(mask, dtype=torch.float32) for mask in given["env_mask"]]
    pushed = plain_advantages(config, given["reward"], masks, scored, base)
    low, high = 1 - 0.2, 1 + (0.28 if config.algorithm == "dapo" else 0.2)
    losses, clipped = [], 0
    own = all_log_probabilities(model, given, config.temperature)
    for n, mask in enumerate(masks):
        sampled = torch.tensor(given["logprobs"][n])
        correction = torch.exp((scored[n] - sampled) * mask).clamp(max=1.2)
        ratio = torch.exp(own[n] - scored[n])
        gain = pushed[n] * ratio
        bounded = pushed[n] * ratio.clamp(low, high)
        loss = -torch.min(gain, bounded) * correction
        if config.kl and config.kl_in == "loss":
            apart = base[n] - own[n]
            loss = loss + config.kl * (torch.exp(apart) - apart - 1)
        clipped += int(((bounded < gain) * mask).sum())
        losses.append(loss * mask)
    if config.algorithm == "dapo":
        return sum(loss.sum() for loss in losses) / sum(
            mask.sum() for mask in masks
        ), clipped
    means = [loss.sum() / mask.sum() for loss, mask in zip(losses, masks, strict=True)]
    return sum(means) / len(means), clipped


def plain_advantages(config, rewards, masks, scored, base):
    """Return each token's advantage, from the papers' formulas."""

    def scaled(values, among):
        return [(v - mean(among)) / (stdev(among) + 1e-4) for v in values]

    pairs = [rewards[:2], rewards[2:]]  # two rollouts a question
    if config.kl_in == "reward":
        to_go = []
        for reward, mask, one, other in zip(rewards, masks, scored, base, strict=True):
            costs = (config.kl * (one - other) * mask).tolist()
            to_go.append([reward - sum(costs[t:]) for t in range(len(costs))])
        own = [
            value
            for row, mask in zip(to_go, masks, strict=True)
            for value, mine in zip(row, mask, strict=True)
            if mine
        ]
        return [torch.tensor(scaled(row, own)) for row in to_go]
    if config.algorithm in ("grpo", "dapo"):
        return [value for pair in pairs for value in scaled(pair, pair)]
    if config.algorithm == "reinforce_plus_plus_baseline":
        rewards = [reward - mean(pair) for pair in pairs for reward in pair]
    return scaled(rewards, rewards)


def policy_trainer(tiny_model, tmp_path, given, **changes):
    """A trainer over prepared rollouts, and their batch as it scores them."""
    values = {**SMALL.to_json(), **changes}
    config = RlConfig(**values)
    trainer = trainer_of(tiny_model, tmp_path, given, config)
    move(trainer.model, torch.Generator().manual_seed(3))
    trainer.connect(SimpleNamespace(sync_weights=lambda: None))
    trainer.model.train()
    trainer.current_gradient_accumulation_steps = 1
    return trainer, trainer._generate_and_score_completions(
        [{"prompt": str(i)} for i in range(4)]
    )


def watch_tokens(trainer):
    """Return a list that takes how many tokens, and how many logits, the model makes."""
    model = trainer.model.get_base_model().model
    head = trainer.model.get_base_model().lm_head
    seen = []
    model.register_forward_pre_hook(
        lambda _, __, named: seen.append(named["input_ids"].numel()), with_kwargs=True
    )
    head.register_forward_pre_hook(lambda _, given: seen.append(given[0].shape[-2]))
    return seen


@pytest.mark.parametrize("algorithm", ["grpo", "dapo"])
def test_a_question_whose_rollouts_are_worth_the_same_is_not_run_through_the_model(
    tiny_model, tmp_path, monkeypatch, algorithm
):
    given = prepared_columns([1.0, 1.0, 2.0, -2.0], torch.Generator().manual_seed(0))
    results = []
    for processes in (1, 2):  # several run all rows, in step with each other
        trainer, batch = policy_trainer(
            tiny_model, tmp_path, given, algorithm=algorithm, dynamic_rounds=0
        )
        monkeypatch.setattr(
            "langgraph_deepsearch.training.rl_trainer.process_count", lambda n=processes: n
        )
        seen = watch_tokens(trainer)
        loss = trainer.compute_loss(trainer.model, batch)
        loss.backward()
        results.append((loss.item(), adapter_gradients(trainer.model), seen))
    (loss, gradients, seen), (whole_loss, whole, all_seen) = results
    assert loss == pytest.approx(whole_loss, abs=1e-6)
    torch.testing.assert_close(gradients, whole, atol=1e-6, rtol=1e-5)
    assert max(gradient.abs().max() for gradient in whole.values()) > 1e-2
    sizes = [
        len(p) + len(c)
        for p, c in zip(given["prompt_ids"], given["completion_ids"], strict=True)
    ]
    written = [sum(mask) for mask in given["env_mask"]]
    assert seen == [sum(sizes[2:]), sum(written[2:])]
    assert all_seen == [sum(sizes), sum(written)]


def test_rollouts_that_are_all_worth_the_same_change_nothing(tiny_model, tmp_path):
    given = prepared_columns([1.0, 1.0, 2.0, 2.0], torch.Generator().manual_seed(0))
    trainer, batch = policy_trainer(tiny_model, tmp_path, given, algorithm="grpo")
    seen = watch_tokens(trainer)
    loss = trainer.compute_loss(trainer.model, batch)
    loss.backward()
    assert loss.item() == 0
    # One row is run all the same, the shortest: ZeRO-3 wants a forward pass.
    shortest = len(given["prompt_ids"][3]) + len(given["completion_ids"][3])
    assert seen == [shortest, sum(given["env_mask"][3])]
    assert all(not g.any() for g in adapter_gradients(trainer.model).values())
    assert trainer._metrics["train"]["entropy"]


def test_a_rollout_that_was_cut_off_is_not_run_through_the_model(tiny_model, tmp_path):
    given = prepared_columns([1.0, 0.0, 2.0, -2.0], torch.Generator().manual_seed(0))
    given["env_mask"] = [
        [0] * len(m) if n == 1 else m for n, m in enumerate(given["env_mask"])
    ]
    trainer, batch = policy_trainer(tiny_model, tmp_path, given, algorithm="grpo")
    seen = watch_tokens(trainer)
    trainer.compute_loss(trainer.model, batch)
    sizes = [
        len(prompt) + len(ids)
        for prompt, ids in zip(given["prompt_ids"], given["completion_ids"], strict=True)
    ]
    assert seen[0] == sum(sizes) - sizes[1]


def test_scoring_makes_logits_where_the_policy_wrote_alone(tiny_model, tmp_path):
    given = prepared_columns([1.0, 0.0, 2.0, -2.0], torch.Generator().manual_seed(0))
    trainer, _ = policy_trainer(tiny_model, tmp_path, given, algorithm="grpo")
    seen = watch_tokens(trainer)
    trainer._generate_and_score_completions([{"prompt": str(i)} for i in range(4)])
    assert seen[1] == sum(sum(mask) for mask in given["env_mask"])


def test_a_mixture_of_experts_is_balanced_over_all_rollouts(tmp_path, base_tokenizer):
    from transformers import Qwen3MoeConfig, Qwen3MoeForCausalLM

    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 16}
    experts = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16}
    config = Qwen3MoeConfig(
        vocab_size=len(base_tokenizer),
        **sizes,
        **heads,
        **experts,
        router_aux_loss_coef=0.5,
    )
    model = tmp_path / "experts"
    Qwen3MoeForCausalLM(config).save_pretrained(model)
    base_tokenizer.save_pretrained(model)
    given = prepared_columns([1.0, 1.0, 2.0, 2.0], torch.Generator().manual_seed(0))
    trainer, batch = policy_trainer(model, tmp_path, given, algorithm="grpo")
    seen = watch_tokens(trainer)
    loss = trainer.compute_loss(trainer.model, batch)
    # Nothing to learn but the balance, which is about 1 for each expert that is chosen.
    assert loss.item() == pytest.approx(0.5 * trainer._metrics["train"]["aux_loss"][0])
    assert loss.item() > 0.5
    assert seen[0] == sum(
        len(prompt) + len(ids)
        for prompt, ids in zip(given["prompt_ids"], given["completion_ids"], strict=True)
    )


def test_layers_that_are_frozen_stay(tiny_model, tmp_path):
    given = prepared_columns([1.0, 0.0, 2.0, -2.0], torch.Generator().manual_seed(0))
    config = RlConfig(**{**SMALL.to_json(), "lora_rank": 0, "frozen_layers": 1})
    model = trainer_of(tiny_model, tmp_path, given, config).model
    trained = {name for name, weight in model.named_parameters() if weight.requires_grad}
    assert any(".layers.1." in name for name in trained)
    assert not any(".layers.0." in name for name in trained)


def test_no_gradient_comes_from_the_graphs_tokens(tiny_model, tmp_path):
    """Other tokens where the graph wrote, after the last of the policy's, change nothing."""
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    generator = torch.Generator().manual_seed(1)
    losses = []
    given = prepared_columns([1.0, 0.0], generator)
    for last in (200, 300):
        given["completion_ids"] = [[*ids[:3], last] for ids in given["completion_ids"]]
        given["env_mask"] = [[1, 1, 1, 0]] * 2
        given["logprobs"] = [[-11.0, -11.0, -11.0, 0.0]] * 2
        config = RlConfig(**{**SMALL.to_json(), "questions_per_step": 1, "batch_size": 2})
        torch.manual_seed(0)
        trainer = PolicyTrainer(
            config,
            rollouts=Prepared(given),
            places=2,
            model=load_weights(tiny_model, config),
            args=policy_arguments(config, 16, tmp_path),
            processing_class=tokenizer,
            peft_config=lora_settings(config),
        )
        trainer.current_gradient_accumulation_steps = 1
        trainer.model.train()
        batch = trainer._generate_and_score_completions([{"prompt": "0"}, {"prompt": "0"}])
        loss = trainer.compute_loss(trainer.model, batch)
        loss.backward()
        gradients = [p.grad for n, p in trainer.model.named_parameters() if "lora_B" in n]
        losses.append((loss.item(), torch.cat([g.flatten() for g in gradients])))
    assert losses[0][0] == pytest.approx(losses[1][0], abs=1e-6)
    assert torch.allclose(losses[0][1], losses[1][1], atol=1e-6)
    assert losses[0][1].abs().max() > 0


def test_every_version_has_a_name_and_a_folder_of_its_own(server, tiny_model, tmp_path):
    from peft import get_peft_model

    model = get_peft_model(
        AutoModelForCausalLM.from_pretrained(tiny_model), lora_settings(SMALL)
    )
    sync = AdapterSync([server.url], tmp_path, "policy", save=model.save_pretrained)
    names = []
    for _ in range(3):
        sync.sync_weights()
        names.append(sync.model_name)
    assert len(set(names)) == 3
    # A run under way ends on the version it began with: the one before stays.
    assert list(server.adapters) == names[1:]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names[1:])
    sync.close()
    assert server.adapters == {}
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_two_real_steps_bring_a_changed_policy_to_the_server(
    server, settings, tiny_model, tmp_path
):
    questions = [Question(f"q{n}", f"Capital {n}?", ("Paris",)) for n in range(4)]
    path = tmp_path / "questions.jsonl"
    write_questions(path, questions)
    config = RlConfig(
        **{
            **SMALL.to_json(),
            "reward": "search_r1",
            "rollouts": 4,
            "batch_size": 8,
            "micro_batch_size": 8,
            "concurrency": 1,
        }
    )
    out = tmp_path / "policy"
    result = train_rl(path, tiny_model, out, config, settings=settings)
    assert len(result.losses) == 2
    assert result.curves["reward"] == [0.5, 0.5]
    assert result.curves["rewards/searches/mean"] == [1.0, 1.0]
    # The server's probabilities are the trainer's at every step, also after the update.
    assert max(result.curves["sampling/sampling_logp_difference/mean"]) < 1e-3
    loads = [name for what, name in server.events if what == "load"]
    assert len(loads) == 2
    assert server.adapters == {}
    assert (out / "adapter_config.json").is_file()
    traces = [
        trace
        for file in sorted((tmp_path / "policy.rollouts").glob("step-*.jsonl"))
        for trace in read_traces(file)
    ]
    assert len(traces) == 16
    assert {trace.model for trace in traces} == set(loads)
    ids = traces[-1].segments[-1].token_ids
    prompt = [i for s in traces[-1].segments[:-1] for i in s.token_ids]
    first, second = (server.logprobs(n, prompt, ids) for n in ("tiny", loads[1]))
    assert first != pytest.approx(second, abs=1e-4)
    assert result.trained_tokens > 0
    assert json.loads((out / "training.json").read_text())["config"]["rollouts"] == 4
    assert train_rl(path, tiny_model, out, config, settings=settings).finished_before


@pytest.mark.parametrize("rank", [0, 4])
def test_whole_policies_take_the_models_place_in_the_server(
    tiny_model, tmp_path, rank, monkeypatch
):
    path = tmp_path / "questions.jsonl"
    write_questions(
        path, [Question(f"q{n}", f"Capital {n}?", ("Paris",)) for n in range(4)]
    )
    values = {"reward": "search_r1", "lora_rank": rank, "policy_sync": "weights", "kl": 0.1}
    config = RlConfig(**{**SMALL.to_json(), **values, "learning_rate": 1e-2})
    replies = script(["Paris", "Rome"])
    with TinyServer(tiny_model, replies, updatable=True) as server:
        before = server.model.get_output_embeddings().weight.clone()
        settings = settings_of(server.url)
        result = train_rl(path, tiny_model, tmp_path / "policy", config, settings=settings)
        after = server.model.get_output_embeddings().weight
    forget_reasoners()
    assert len(result.losses) == 2
    # Rounding to bfloat16 alone is between the server and the trainer, at the second step too.
    assert max(result.curves["sampling/sampling_logp_difference/mean"]) < 0.05
    # What was there, each version with its cache emptied, and what was there.
    assert [one for one, _ in server.events] == ["weights", "reset"] * 4
    folders = [told for one, told in server.events if one == "weights"]
    assert [Path(told).name for told in folders[1:3]] == ["1", "2"]
    assert folders[0] == folders[3] == str(tiny_model)
    assert torch.equal(before, after)
    original, first, second, _ = [
        held.model.layers[0].self_attn.q_proj.weight for held in server.held
    ]
    assert torch.equal(original, first)  # not trained yet: on the grid, and so as it was
    assert (second - first).abs().mean() > 1e-3
    assert not (tmp_path / "policy.rollouts" / "weights").exists()
    is_adapter = (tmp_path / "policy" / "adapter_config.json").is_file()
    assert is_adapter == bool(rank)


def test_every_server_gets_its_model_back_and_answers_under_way_are_dropped(
    tiny_model, tmp_path, monkeypatch
):
    monkeypatch.setattr("langgraph_deepsearch.training.reload.PATIENCE_SECONDS", 0.3)

    def save(folder, version):
        shutil.copytree(tiny_model, folder)

    with TinyServer(tiny_model, lambda _: "", updatable=True) as server:
        down = f"http://127.0.0.1:{free_port()}/v1"
        sync = WeightSync([server.url], tmp_path / "weights", tiny_model, save=save)
        sync.sync_weights()
        sync._urls = [down, server.url]
        server.is_busy = True
        with pytest.raises(ReloadError, match="no model server answers"):
            sync.close()
        assert server.events[-2:] == [("weights", str(tiny_model)), ("reset", "running")]
    assert not (tmp_path / "weights").exists()
    assert not sync.close()  # done


def test_a_judge_on_the_policys_server_is_refused(server, settings, tiny_model, tmp_path):
    path = tmp_path / "questions.jsonl"
    write_questions(path, [Question("q0", "Capital?", ("Paris",))])
    judged = {"lora_rank": 0, "reward": "web_dancer", "judge_model": "tiny"}
    config = RlConfig(**{**SMALL.to_json(), **judged, "judge_url": server.url})
    with pytest.raises(TrainingError, match="cannot be asked on the policy's server"):
        train_rl(path, tiny_model, tmp_path / "policy", config, settings=settings)


def test_a_server_that_takes_no_weights_is_refused_before_training(
    server, settings, tiny_model, tmp_path
):
    path = tmp_path / "questions.jsonl"
    write_questions(path, [Question("q0", "Capital?", ("Paris",))])
    config = RlConfig(**{**SMALL.to_json(), "lora_rank": 0})
    with pytest.raises(ReloadError, match="deepsearch serve MODEL --updatable"):
        train_rl(path, tiny_model, tmp_path / "policy", config, settings=settings)


@pytest.mark.slow
def test_a_killed_training_resumes_to_the_same_curve(
    server, settings, tiny_model, tmp_path, monkeypatch
):
    path = tmp_path / "questions.jsonl"
    write_questions(
        path, [Question(f"q{n}", f"Capital {n}?", ("Paris",)) for n in range(4)]
    )
    values = {"reward": "search_r1", "concurrency": 1, "steps": 3}
    config = RlConfig(**{**SMALL.to_json(), **values})
    whole = train_rl(path, tiny_model, tmp_path / "whole", config, settings=settings)
    run = GraphRollouts.__call__
    made = []

    def killed(self, prompts, trainer):
        if trainer.state.global_step == 2 and not made:
            made.append(run(self, prompts, trainer))  # on disk, and never trained on
            raise KeyboardInterrupt
        return run(self, prompts, trainer)

    monkeypatch.setattr(GraphRollouts, "__call__", killed)
    with pytest.raises(KeyboardInterrupt):
        train_rl(path, tiny_model, tmp_path / "torn", config, settings=settings)
    assert not (tmp_path / "torn").exists()
    resumed = train_rl(path, tiny_model, tmp_path / "torn", config, settings=settings)
    assert resumed.resumed
    assert resumed.losses == pytest.approx(whole.losses, abs=1e-3)
    assert resumed.curves["reward"] == whole.curves["reward"]
    files = sorted((tmp_path / "torn.rollouts").glob("step-*.jsonl"))
    assert len(files) == 3


def test_long_rollouts_lose_what_the_setting_says(
    server, settings, tmp_path, base_tokenizer
):
    config = RlConfig(**{**SMALL.to_json(), "overlong_tokens": 1})
    rollouts = rollouts_of(server, settings, tmp_path, base_tokenizer, config)
    found = rollouts(["0", "0"], trainer_at(0))
    assert sorted(found["reward"]) == [-1.0, 0.0]


def test_a_judge_is_asked_where_the_reward_needs_one(
    server, settings, tmp_path, base_tokenizer
):
    from langchain_core.language_models.fake_chat_models import FakeListChatModel

    from langgraph_deepsearch.evals.judge import Judge

    judge = Judge(FakeListChatModel(responses=["True", "False"]), concurrency=1)
    rollouts = rollouts_of(server, settings, tmp_path, base_tokenizer, judge=judge)
    rollouts._plan = [PlannedQuestion(p.question, "all", "web_dancer") for p in planned(1)]
    found = rollouts(["0", "0"], trainer_at(0))
    assert sorted(found["answer"]) == [0.0, 0.9]
    assert found["format"] in ([0.1, 0.1], [0.0, 0.0])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"lora_rank": 0, "policy_sync": "adapter"}, "needs an adapter: set lora_rank"),
        ({"rollouts": 1}, "rollouts must be 2 or more"),
        ({"batch_size": 3}, "multiple of batch_size 3"),
        ({"overlong_tokens": 0}, "overlong_tokens must be more than 0"),
        ({"algorithm": "grpo", "kl_in": "reward"}, "plain REINFORCE"),
        ({"kl_in": "reward", "importance": "none"}, "set importance"),
        ({"evaluation_fraction": 0.1}, "deepsearch evaluate"),
        ({"algorithm": "ppo"}, "setting algorithm is 'ppo'"),
    ],
)
def test_settings_that_cannot_work_are_one_line(changes, said):
    with pytest.raises(ConfigError, match=said):
        RlConfig(**{**SMALL.to_json(), **changes})


def test_dapos_defaults_are_its_own():
    dapo = RlConfig(algorithm="dapo")
    assert (dapo.upper_clip, dapo.resampling_rounds) == (0.28, 3)
    plain = RlConfig()
    assert (plain.upper_clip, plain.resampling_rounds) == (0.2, 0)


def test_a_judged_reward_without_a_judge_does_not_start(tiny_model, tmp_path):
    path = tmp_path / "q.jsonl"
    write_questions(path, [Question("q", "?", ("x",))])
    config = RlConfig(**{**SMALL.to_json(), "reward": "web_dancer"})
    with pytest.raises(TrainingError, match="'web_dancer' asks a judge"):
        train_rl(path, tiny_model, tmp_path / "out", config)


@pytest.fixture
def other_model(tiny_model, tmp_path):
    """A model of the same shape with other weights."""
    torch.manual_seed(1)
    other = AutoModelForCausalLM.from_pretrained(tiny_model)
    for weight in other.parameters():
        weight.data.normal_()
    other.save_pretrained(tmp_path / "other")
    AutoTokenizer.from_pretrained(tiny_model).save_pretrained(tmp_path / "other")
    return tmp_path / "other"


@pytest.mark.parametrize("importance", ["token_truncate", "none"])
def test_a_server_of_another_model_is_refused(
    other_model, tiny_model, tmp_path, importance
):
    path = tmp_path / "questions.jsonl"
    write_questions(path, [Question(f"q{n}", "Capital?", ("Paris",)) for n in range(2)])
    values = {**SMALL.to_json(), "reward": "search_r1", "importance": importance}
    with TinyServer(other_model, script(["Paris", "Rome"])) as server:
        train = functools.partial(
            train_rl, path, tiny_model, tmp_path / "out", RlConfig(**values)
        )
        wrong = f"holds {other_model}, which is not tiny, the model that is trained here"
        with pytest.raises(ReloadError, match=re.escape(wrong)):
            train(settings=settings_of(server.url))
        assert not server.asked
        server.root = "org/other"  # no path of this machine: the probabilities tell
        with pytest.raises(TrainingError, match=r"differ from the trainer's by \d"):
            train(settings=settings_of(server.url))
    forget_reasoners()
    assert not (tmp_path / "out").exists()
    assert not list((tmp_path / "out.checkpoints").glob("checkpoint-*"))


def in_processes(*words, processes=2):
    """Run `policy_processes.py` in several processes; return what the first one printed."""
    script = Path(policy_processes.__file__)
    where = os.pathsep.join([str(script.parent), os.environ.get("PYTHONPATH", "")])
    return torchrun(script, *words, processes=processes, PYTHONPATH=where)


CASES = [
    ({"algorithm": "reinforce_plus_plus"}, False),
    ({"algorithm": "reinforce_plus_plus", "kl": 0.1, "kl_in": "reward"}, False),
    ({"algorithm": "reinforce_plus_plus_baseline", "kl": 0.1}, True),
    ({"algorithm": "grpo"}, False),
    ({"algorithm": "dapo", "micro_batch_size": 1}, True),
]


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_two_processes_push_as_one_does(tiny_model, tmp_path):
    small = {**SMALL.to_json(), "learning_rate": 1e-2, "micro_batch_size": 2}
    cases = [({**small, **changes}, memorize) for changes, memorize in CASES]
    one = [train_prepared(tiny_model, tmp_path, *case) for case in cases]
    in_processes("prepared", tiny_model, tmp_path, json.dumps(cases))
    two = torch.load(tmp_path / "adapters.pt")
    still = {**small, "learning_rate": 1e-9}
    start, _ = train_prepared(tiny_model, tmp_path, still, False)
    for (alone, norms), (together, norms_of_two), case in zip(one, two, cases, strict=True):
        assert (alone - start).norm() > 0.01, case
        assert (alone - together).norm() < 0.02 * (alone - start).norm(), case
        # AdamW hides a factor; the norms do not.
        assert norms_of_two == pytest.approx(norms, rel=1e-2), case


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("rewards", [[1.0, 1.0, 2.0, -2.0], [1.0, 1.0, 2.0, 2.0]])
def test_one_process_with_zero_3_leaves_rows_out(tiny_model, tmp_path, rewards):
    pytest.importorskip("deepspeed", reason="ZeRO needs deepspeed")
    shipped = json.loads(find_config("zero3").read_text())
    shipped["zero_optimization"]["stage3_param_persistence_threshold"] = 0  # cut up all
    zero = tmp_path / "zero.json"
    zero.write_text(json.dumps(shipped))
    values = {**SMALL.to_json(), "algorithm": "grpo", "micro_batch_size": 1}
    case = ({**values, "deepspeed": str(zero)}, False, rewards)
    in_processes("prepared", tiny_model, tmp_path, json.dumps([case]), processes=1)
    _, norms = torch.load(tmp_path / "adapters.pt")[0]
    _, expected = train_prepared(tiny_model, tmp_path, values, False, rewards)
    assert norms == pytest.approx(expected, rel=1e-2, abs=1e-6)


def train_in_two_processes(server, model, folder, zero, **changes):
    """Train two steps on four questions in two processes; return what was trained."""
    deepspeed = None
    if zero:
        pytest.importorskip("deepspeed", reason="ZeRO needs deepspeed")
        deepspeed = folder / "zero.json"
        shipped = json.loads(find_config("zero3").read_text())
        shipped["zero_optimization"]["stage"] = zero
        deepspeed.write_text(json.dumps(shipped))
    path = folder / "questions.jsonl"
    write_questions(
        path, [Question(f"q{n}", f"Capital {n}?", ("Paris",)) for n in range(4)]
    )
    usual = {"reward": "search_r1", "micro_batch_size": 2, "concurrency": 1}
    values = {**SMALL.to_json(), **usual, **changes}
    values["deepspeed"] = deepspeed and str(deepspeed)
    words = ("graph", model, folder / "policy", path, server.url, json.dumps(values))
    return json.loads(in_processes(*words).strip().splitlines()[-1])


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("zero", [0, 2, 3])
def test_two_processes_ask_one_server(server, tiny_model, tmp_path, zero):
    result = train_in_two_processes(server, tiny_model, tmp_path, zero)
    assert len(result["losses"]) == 2
    # Every process's rollouts come from the version that all of them train.
    loads = [name for what, name in server.events if what == "load"]
    assert len(loads) == 2
    assert server.adapters == {}
    asked = []
    for step, name in enumerate(loads):
        files = sorted((tmp_path / "policy.rollouts").glob(f"step-{step:05}-*.jsonl"))
        traces = [list(read_traces(file)) for file in files]
        assert [len(part) for part in traces] == [2, 2]
        assert {trace.model for part in traces for trace in part} == {name}
        asked += [trace.question_id for part in traces for trace in part[:1]]
        assert all(len({trace.question_id for trace in part}) == 1 for part in traces)
    assert sorted(asked) == ["q0", "q1", "q2", "q3"]
    assert max(result["curves"]["sampling/sampling_logp_difference/mean"]) < 1e-3
    assert (tmp_path / "policy" / "adapter_config.json").is_file()


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(("zero", "rank"), [(0, 4), (0, 0), (3, 4), (3, 0)])
def test_two_processes_bring_whole_weights(tiny_model, tmp_path, zero, rank):
    changes = {"policy_sync": "weights", "lora_rank": rank, "learning_rate": 1e-2}
    with TinyServer(tiny_model, script(["Paris", "Rome"]), updatable=True) as server:
        result = train_in_two_processes(server, tiny_model, tmp_path, zero, **changes)
    forget_reasoners()
    assert len(result["losses"]) == 2
    # The second version's too: bfloat16 alone is between the server and the trainer.
    assert max(result["curves"]["sampling/sampling_logp_difference/mean"]) < 0.05
    # One process speaks to the server, of versions that all of them have written.
    assert [what for what, _ in server.events] == ["weights", "reset"] * 4
    folders = [Path(told) for what, told in server.events if what == "weights"]
    assert [folder.name for folder in folders[1:3]] == ["1", "2"]
    assert folders[0] == folders[3] == tiny_model
    original, first, second, _ = [
        held.model.layers[0].self_attn.q_proj.weight for held in server.held
    ]
    assert torch.equal(original, first)
    assert (second - first).abs().mean() > 1e-3
    assert not (tmp_path / "policy.rollouts" / "weights").exists()
    assert (tmp_path / "policy" / "adapter_config.json").is_file() == bool(rank)


@pytest.mark.parametrize(
    ("changes", "url", "said"),
    [
        (
            {"memorization": "m.jsonl", "deepspeed": "zero3"},
            "http://x/v1",
            "take ZeRO-2, or leave them out",
        ),
        ({}, "", "2 processes train one policy and need a server beside them"),
        ({"questions_per_step": 1, "batch_size": 2}, "http://x/v1", "no multiple of the 2"),
    ],
)
def test_what_processes_cannot_share_is_one_line(
    tiny_model, tmp_path, monkeypatch, changes, url, said
):
    monkeypatch.setenv("WORLD_SIZE", "2")
    config = RlConfig(**{**SMALL.to_json(), **changes})
    with pytest.raises(TrainingError, match=said):
        train_rl(
            tmp_path / "q.jsonl",
            tiny_model,
            tmp_path / "out",
            config,
            settings={"base_url": url},
        )
