"""The memorization loss: beside the policy's, against one written out plainly."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

pytest.importorskip("torch", reason="training needs torch")
pytest.importorskip("trl", reason="needs trl: pip install 'langgraph-deepsearch[train]'")
pytest.importorskip("peft", reason="LoRA needs peft")

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from langgraph_deepsearch.curation.asking import Asker
from langgraph_deepsearch.curation.rewriter import Rewriter
from langgraph_deepsearch.nodes.dialects import get_dialect
from langgraph_deepsearch.nodes.models.resolve import resolve_reasoner
from langgraph_deepsearch.trace import (
    Document,
    SearchRecord,
    Segment,
    Trace,
    read_traces,
    write_traces,
)
from langgraph_deepsearch.training.config import ConfigError
from langgraph_deepsearch.training.graph_rollouts import FIGURES
from langgraph_deepsearch.training.memorization import (
    StoredMemory,
    likelihood_loss,
    memorization_loss,
    stored_memory,
)
from langgraph_deepsearch.training.model import (
    load_weights,
    lora_settings,
)
from langgraph_deepsearch.training.result import TrainingError
from langgraph_deepsearch.training.rl_config import MU, RlConfig
from langgraph_deepsearch.training.rl_trainer import PolicyTrainer, policy_arguments
from langgraph_deepsearch.training.rollout_memory import RolloutMemory
from langgraph_deepsearch.training.rows import IGNORED, TokenRow, build_rows

PLUS = get_dialect("r1_searcher_plus")
SMALL = RlConfig(
    batch_size=4,
    micro_batch_size=4,
    questions_per_step=2,
    rollouts=2,
    steps=2,
    lora_rank=4,
    dtype="float32",
    threads=1,
)


def recalled(number, text="Paris is the capital of France."):
    """A run that knew, as the rewriter leaves it."""
    turns = [
        ("reason", "I need the capital.\n\n", 1),
        ("recall", PLUS.format_recall(f"{text} It is number {number}."), 1),
        ("answer", "\n\n<answer>Paris</answer>", 2),
    ]
    prompt = Segment(kind="prompt", speaker="user", text=f"Question {number}?")
    own = [
        Segment(kind=kind, speaker="assistant", text=said, trainable=True, turn=turn)
        for kind, said, turn in turns
    ]
    return Trace(
        id=f"m{number}",
        question="?",
        segments=[prompt, *own],
        answer="Paris",
        stop_reason="answered",
        dialect="r1_searcher_plus",
    )


@pytest.fixture
def tokenizer(tiny_model):
    return AutoTokenizer.from_pretrained(tiny_model)


@pytest.fixture
def rows(tokenizer):
    traces = [recalled(1), recalled(2, "Short."), recalled(3, "Rome is not. " * 9)]
    return build_rows(traces, tokenizer)[0]


def plain_loss(model, rows):
    """The mean negative log-likelihood, a row and a token at a time."""
    model.eval()
    total, tokens = 0.0, 0
    for row in rows:
        with torch.no_grad():
            logits = model(torch.tensor([row.input_ids])).logits[0].double()
        for place, label in enumerate(row.labels):
            if label != IGNORED:
                total -= logits[place - 1].log_softmax(-1)[label].item()
                tokens += 1
    return total / tokens


class Prepared:
    """Rollouts that are there already."""

    def __call__(self, prompts, trainer):
        generator = torch.Generator().manual_seed(0)
        masks = [[1, 1, 0, 0, 1, 1], [1, 0, 1, 1], [1, 1, 1, 0, 1], [1, 1, 1]]
        ids = [torch.randint(100, 999, (len(m),), generator=generator) for m in masks]
        found = {
            "prompt_ids": [[5, 6, 7], [5, 6, 7], [8, 9], [8, 9]],
            "completion_ids": [one.tolist() for one in ids],
            "env_mask": masks,
            "logprobs": [[-10.8 * one for one in m] for m in masks],
            "reward": [1.0, 0.0, 2.0, -2.0],
        }
        return {**found, **{name: [0.0] * 4 for name in FIGURES}}


def trainer_with(tiny_model, tokenizer, folder, memory, **changes):
    config = RlConfig(**{**SMALL.to_json(), **changes})
    torch.manual_seed(0)
    trainer = PolicyTrainer(
        config,
        rollouts=Prepared(),
        places=4,
        memory=memory,
        model=load_weights(tiny_model, config),
        args=policy_arguments(config, 16, folder),
        processing_class=tokenizer,
        peft_config=lora_settings(config),
    )
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, weight in trainer.model.named_parameters():
            if "lora_B" in name:
                weight += 0.05 * torch.randn(weight.shape, generator=generator)
    trainer.connect(SimpleNamespace(sync_weights=lambda: None))
    trainer.model.train()
    trainer.current_gradient_accumulation_steps = 1
    return trainer


def loss_of(trainer):
    batch = trainer._generate_and_score_completions([{"prompt": str(i)} for i in range(4)])
    return trainer.compute_loss(trainer.model, batch)


class Fixed:
    """The same rows each step."""

    def __init__(self, rows):
        self._rows = rows

    def rows(self, step):
        return self._rows


def test_rows_laid_end_to_end_lose_what_they_lose_alone(tiny_model, rows):
    model = load_weights(tiny_model, SMALL)
    plain = AutoModelForCausalLM.from_pretrained(
        tiny_model, dtype=torch.float32, attn_implementation="eager"
    )
    tokens = sum(row.trained_tokens for row in rows)
    assert (likelihood_loss(model, rows) / tokens).item() == pytest.approx(
        plain_loss(plain, rows), abs=1e-3
    )


@pytest.mark.parametrize("algorithm", ["reinforce_plus_plus", "grpo", "dapo"])
def test_the_whole_loss_is_the_policys_and_mu_times_the_likelihood(
    tiny_model, tokenizer, tmp_path, rows, algorithm
):
    def trainer(memory):
        return trainer_with(tiny_model, tokenizer, tmp_path, memory, algorithm=algorithm)

    alone = loss_of(trainer(None)).item()
    both = trainer(Fixed(rows))
    whole = loss_of(both).item()
    expected = plain_loss(both.model, rows)
    assert expected > 1
    assert whole == pytest.approx(alone + MU * expected, abs=1e-3)
    assert both._metrics["train"]["memorization"] == [pytest.approx(expected, abs=1e-3)]


def test_the_batches_of_a_step_share_its_rows(tiny_model, tokenizer, tmp_path, rows):
    def memorized(parts):
        trainer = trainer_with(tiny_model, tokenizer, tmp_path, Fixed(rows))
        trainer.current_gradient_accumulation_steps = parts
        found = [trainer._memorized(trainer.model, trainer._memory) for _ in range(parts)]
        told = trainer._metrics["train"]["memorization"]
        assert sum(told) / len(told) == pytest.approx(whole / MU, abs=1e-3)
        return [None if loss is None else loss.item() for loss in found]

    whole = trainer_with(tiny_model, tokenizer, tmp_path, Fixed(rows))
    whole = whole._memorized(whole.model, whole._memory).item()
    assert sum(memorized(2)) == pytest.approx(whole, abs=1e-4)
    assert sum(memorized(3)) == pytest.approx(whole, abs=1e-4)
    *some, last = memorized(4)  # more batches than rows
    assert last is None
    assert sum(some) == pytest.approx(whole, abs=1e-4)


def test_a_new_step_begins_with_its_first_part(tiny_model, tokenizer, tmp_path, rows):
    trainer = trainer_with(tiny_model, tokenizer, tmp_path, Fixed(rows[:1]))
    trainer.current_gradient_accumulation_steps = 2
    memory = trainer._memory
    assert trainer._memorized(trainer.model, memory) is not None
    assert trainer._memorized(trainer.model, memory) is None
    trainer.state.global_step = 1
    assert trainer._memorized(trainer.model, memory) is not None


def test_what_is_memorized_moves_the_policy_and_prompts_do_not(
    tiny_model, tokenizer, tmp_path, rows
):
    def gradients(given):
        trainer = trainer_with(tiny_model, tokenizer, tmp_path, Fixed(given))
        trainer._memorized(trainer.model, trainer._memory).backward()
        weights = trainer.model.named_parameters()
        return torch.cat([w.grad.flatten() for n, w in weights if "lora_B" in n])

    found = gradients(rows[:1])
    assert found.abs().max() > 0
    unlabelled = TokenRow(rows[0].input_ids, [IGNORED] * len(rows[0].labels), "x")
    # A row without labels adds nothing to the mean over tokens, and no gradient.
    assert torch.allclose(gradients([rows[0], unlabelled]), found, atol=1e-6)


def test_a_weight_of_zero_is_no_memory(tiny_model, tokenizer, tmp_path, rows):
    alone = loss_of(trainer_with(tiny_model, tokenizer, tmp_path, None)).item()
    weightless = trainer_with(
        tiny_model, tokenizer, tmp_path, Fixed(rows), memorization_weight=0.0
    )
    assert loss_of(weightless).item() == pytest.approx(alone, abs=1e-6)


def test_a_part_without_rows_has_no_loss(tiny_model, rows):
    model = load_weights(tiny_model, SMALL)
    assert memorization_loss(model, [], 0, 1) is None
    assert memorization_loss(model, rows, 3, 4) is None


def row(number):
    return TokenRow([number], [number], str(number))


def test_texts_are_drawn_evenly_and_again_the_same():
    memory = StoredMemory([row(n) for n in range(6)], batch=4, seed=3)
    drawn = [r.trace_id for step in range(3) for r in memory.rows(step)]
    assert sorted(drawn) == sorted([str(n) for n in range(6)] * 2)
    assert sorted(drawn[:6]) == [str(n) for n in range(6)]
    assert drawn[:6] != drawn[6:]
    again = StoredMemory([row(n) for n in range(6)], batch=4, seed=3)
    assert [r.trace_id for r in again.rows(2)] == drawn[8:]
    halves = [
        StoredMemory([row(n) for n in range(6)], batch=4, seed=3, rank=r, processes=2)
        for r in (0, 1)
    ]
    both = [r.trace_id for half in halves for r in half.rows(1)]
    assert sorted(both) == sorted(drawn[4:8])


def test_a_file_is_read_and_what_does_not_fit_is_told(tmp_path, tokenizer):
    path = tmp_path / "internalized.jsonl"
    write_traces(path, [recalled(1), recalled(2, "Rome is not. " * 40)])
    for named in (path, tmp_path):
        memory, report = stored_memory(named, tokenizer, max_length=80, batch=2)
        assert report.too_long == ["m2"]
        assert [r.trace_id for r in memory.rows(0)] == ["m1", "m1"]
    with pytest.raises(TrainingError, match="holds nothing to memorize"):
        stored_memory(path, tokenizer, max_length=5)


def test_what_a_search_found_is_not_memorized(tmp_path, tokenizer, make_trace):
    path = tmp_path / "traces.jsonl"
    write_traces(path, [make_trace(1)])
    with pytest.raises(TrainingError, match="t1 holds search results"):
        stored_memory(path, tokenizer)


REPLY = {
    "steps": [
        {
            "thought": "The capital is needed.",
            "knowledge": "The capital of France is Paris.",
            "documents": [1],
        }
    ],
    "conclusion": "So it is Paris.",
}


def searched(identifier, acc, searches=1):
    document = Document(title="France", text="The capital of France is Paris.")
    found = [
        SearchRecord(turn=n + 1, query="capital", documents=[document])
        for n in range(searches)
    ]
    changes = {"id": identifier, "searches": found, "golds": ["Paris"]}
    return recalled(0).model_copy(update={**changes, "outcome": {"acc": acc}})


@pytest.fixture
def memory(fake_server, tmp_path, tokenizer):
    """Return a function that makes a memory whose rewriter answers as it should."""

    def make(*replies, **settings):
        fake_server.script([json.dumps(reply) for reply in replies])
        model = resolve_reasoner("", base_url=fake_server.base_url)
        rewriter = Rewriter(Asker(model))
        return RolloutMemory(rewriter, tmp_path, tokenizer, concurrency=1, **settings)

    return make


def test_right_rollouts_of_a_step_are_learned_in_it(memory, fake_server, tokenizer):
    groups = [
        [searched("a/0", 0.0), searched("a/1", 1.0, 3), searched("a/2", 1.0, 2)],
        [searched("b/0", 0.0)],
        [searched("c/0", 1.0), searched("c/1", 1.0)],
    ]
    made = memory(REPLY, REPLY, updates=2)
    made.remember(3, groups)
    first, second = made.rows(6), made.rows(7)
    assert [r.trace_id for r in (*first, *second)] == ["a/2", "c/0"]
    labels = [i for i in first[0].labels if i != IGNORED]
    assert tokenizer.decode(labels) == (
        "The capital is needed.\n\n<internal>The capital of France is Paris.</internal>\n\n"
        "So it is Paris.\n\n<answer>Paris</answer><|im_end|>"
    )
    made.remember(3, groups)  # after a kill: the texts are there
    assert len(fake_server.generations()) == 2


def test_a_step_without_a_right_rollout_has_nothing_to_learn(memory, tmp_path):
    made = memory()
    made.remember(0, [[searched("a/0", 0.0)]])
    assert made.rows(0) == []
    made.remember(1, [[searched("a/0", 0.0)]])
    made.forget_from(1)
    assert [path.name for path in tmp_path.glob("memory-*")] == ["memory-00000-0.jsonl"]
    assert list(read_traces(tmp_path / "memory-00000-0.jsonl")) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"memorization": "x", "rewriter_model": "y"}, "exclude each other"),
        ({"memorization_weight": -1.0}, "memorization_weight must be 0 or more"),
        ({"memorization_batch": 0}, "memorization_batch must be more than 0"),
    ],
)
def test_settings_that_cannot_work_are_one_line(changes, said):
    with pytest.raises(ConfigError, match=said):
        RlConfig(**{**SMALL.to_json(), **changes})
