from __future__ import annotations

import copy
import json
import shutil
from types import SimpleNamespace

import pytest

pytest.importorskip("torch", reason="training needs torch")
pytest.importorskip("trl", reason="needs trl: pip install 'langgraph-deepsearch[train]'")

import torch
from killed_runs import finish, start_python, torchrun
from torch.nn.functional import logsigmoid
from transformers import AutoModelForCausalLM, AutoTokenizer

from langgraph_deepsearch.curation.pairs import PairFileError, make_pair, write_pairs
from langgraph_deepsearch.training.attention import AttentionError
from langgraph_deepsearch.training.config import load_config
from langgraph_deepsearch.training.dpo import train_dpo
from langgraph_deepsearch.training.dpo_config import DpoConfig
from langgraph_deepsearch.training.dpo_trainer import (
    REFERENCES,
    PairCollator,
    PairTrainer,
    pair_dataset,
    preference_arguments,
)
from langgraph_deepsearch.training.model import load_weights
from langgraph_deepsearch.training.pair_rows import build_pair_rows
from langgraph_deepsearch.training.rows import IGNORED
from langgraph_deepsearch.training.run import split_rows
from langgraph_deepsearch.training.sft import TrainingError

QUICK = DpoConfig(learning_rate=1e-2, batch_size=2, warmup=0.0, dtype="float32", threads=1)


@pytest.fixture
def make_preference(make_trace):
    def make(number: int):
        chosen = make_trace(number)
        worse = make_trace(number, id=f"bad{number}", answer="nobody")
        worse.segments = [
            *(s for s in worse.segments if s.kind == "prompt"),
            worse.segments[-1].model_copy(update={"text": "I think it is \\boxed{nobody}"}),
        ]
        return make_pair(chosen, worse, rule="paper", reason="right over wrong")

    return make


@pytest.fixture
def pairs_file(tmp_path, make_preference):
    path = tmp_path / "pairs.jsonl"
    write_pairs(path, (make_preference(n) for n in range(6)))
    return path


def rows_of(make_preference, tokenizer, count=3):
    rows, _ = build_pair_rows([make_preference(n) for n in range(count)], tokenizer)
    return rows


def plain_logprob(model, row):
    """The sum of log-probabilities of what the model wrote, unpadded, one row."""
    logits = model(torch.tensor([row.input_ids])).logits[0, :-1].log_softmax(-1)
    labels = torch.tensor(row.labels[1:])
    kept = labels != IGNORED
    return logits[kept].gather(1, labels[kept][:, None]).sum()


def test_loss_and_gradients_equal_a_plain_reference(tiny_model, make_preference, tmp_path):
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    rows = rows_of(make_preference, tokenizer)
    config = DpoConfig(dtype="float32", batch_size=3, micro_batch_size=3, beta=0.3)
    policy = load_weights(tiny_model, config)
    reference = AutoModelForCausalLM.from_pretrained(
        tiny_model, dtype=torch.float32, attn_implementation="eager"
    )
    trainer = PairTrainer(
        model=policy,
        args=preference_arguments(config, rows, tmp_path),
        train_dataset=pair_dataset(rows),
        processing_class=tokenizer,
    )
    with torch.no_grad():  # a policy that has moved, or the loss is log 2 whatever is done
        generator = torch.Generator().manual_seed(0)
        for weight in policy.parameters():
            weight += 0.02 * torch.randn(weight.shape, generator=generator)
    plain = copy.deepcopy(reference)
    plain.load_state_dict(policy.state_dict())
    batch = trainer.data_collator([trainer.train_dataset[i] for i in range(3)])
    loss = trainer.compute_loss(policy, batch)
    loss.backward()

    margins = []
    for row in rows:
        with torch.no_grad():
            base = plain_logprob(reference, row.chosen) - plain_logprob(
                reference, row.rejected
            )
        own = plain_logprob(plain, row.chosen) - plain_logprob(plain, row.rejected)
        margins.append(own - base)
    expected = -logsigmoid(0.3 * torch.stack(margins)).mean()
    expected.backward()
    assert loss.item() == pytest.approx(expected.item(), abs=1e-3)
    assert abs(loss.item() - 0.6931) > 0.01
    for (name, a), b in zip(policy.named_parameters(), plain.parameters(), strict=True):
        assert torch.allclose(a.grad, b.grad, atol=1e-3, rtol=1e-3), name


def test_the_batch_masks_prompts_results_and_padding_on_both_sides(
    tiny_model, make_preference
):
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    rows = rows_of(make_preference, tokenizer, 2)
    dataset = pair_dataset(rows)
    batch = PairCollator(0)([dataset[0], dataset[1]])
    sides = [*(r.chosen for r in rows), *(r.rejected for r in rows)]
    for row, ids, seen, mask in zip(
        sides,
        batch["input_ids"],
        batch["attention_mask"],
        batch["completion_mask"],
        strict=True,
    ):
        length = len(row.input_ids)
        assert ids[:length].tolist() == row.input_ids
        assert seen.tolist() == [1] * length + [0] * (len(ids) - length)
        expected = [int(label != IGNORED) for label in row.labels]
        assert mask.tolist() == expected + [0] * (len(ids) - length)


def test_training_prefers_the_chosen_side(pairs_file, tiny_model, tmp_path):
    out = tmp_path / "model"
    result = train_dpo(pairs_file, tiny_model, out, QUICK)
    assert len(result.losses) == 3
    assert result.losses[0] == pytest.approx(0.6931, abs=1e-3)
    assert result.losses[-1] < result.losses[0]
    assert result.curves["rewards/margins"][-1] > 0
    AutoModelForCausalLM.from_pretrained(out)
    assert train_dpo(pairs_file, tiny_model, out, QUICK).finished_before


def test_pairs_longer_than_the_models_window_are_refused(pairs_file, tiny_model, tmp_path):
    model = tmp_path / "windowed"
    shutil.copytree(tiny_model, model)
    config = json.loads((model / "config.json").read_text())
    config |= {"model_type": "mistral", "architectures": ["MistralForCausalLM"]}
    (model / "config.json").write_text(json.dumps({**config, "sliding_window": 8}))
    with pytest.raises(AttentionError, match="window of 8 tokens"):
        train_dpo(pairs_file, model, tmp_path / "out", QUICK)


def test_an_adapter_is_trained_against_the_model_without_it(
    pairs_file, tiny_model, tmp_path
):
    pytest.importorskip("peft", reason="LoRA needs peft")
    out = tmp_path / "adapter"
    config = DpoConfig(learning_rate=1e-2, batch_size=2, warmup=0.0, lora_rank=4, threads=1)
    result = train_dpo(pairs_file, tiny_model, out, config)
    assert result.losses[0] == pytest.approx(0.6931, abs=1e-3)
    assert result.losses[-1] < 0.69
    assert (out / "adapter_config.json").is_file()
    assert not (out / "model.safetensors").exists()


def test_the_references_sums_are_not_rounded_under_deepspeed(
    tiny_model, make_preference, tmp_path, monkeypatch
):
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    rows = rows_of(make_preference, tokenizer, 2)
    trainer = PairTrainer(
        model=load_weights(tiny_model, QUICK),
        args=preference_arguments(QUICK, rows, tmp_path),
        train_dataset=pair_dataset(rows),
        processing_class=tokenizer,
    )
    batch = trainer.data_collator([trainer.train_dataset[i] for i in range(2)])
    in_bfloat16 = SimpleNamespace(dtype=lambda: torch.bfloat16)
    plugin = SimpleNamespace(hf_ds_config=in_bfloat16)
    monkeypatch.setattr(trainer, "is_deepspeed_enabled", True)
    state = SimpleNamespace(deepspeed_plugin=plugin)
    monkeypatch.setattr(trainer, "accelerator", SimpleNamespace(state=state))
    prepared = trainer._prepare_inputs(dict(batch))
    for name in REFERENCES:
        assert torch.equal(prepared[name], batch[name]), name
        assert prepared[name].dtype == torch.float32
        assert not torch.equal(batch[name].bfloat16().float(), batch[name])


SCRIPT = """
import json, sys
from langgraph_deepsearch.training.dpo import train_dpo
from langgraph_deepsearch.training.dpo_config import DpoConfig
config = DpoConfig(**json.loads(sys.argv[4]))
print(json.dumps(train_dpo(*sys.argv[1:4], config).to_json()))
"""


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_papers_settings_train_under_zero_3(pairs_file, tiny_model, tmp_path):
    pytest.importorskip("deepspeed", reason="ZeRO needs deepspeed")
    paper = load_config("dpo_paper", DpoConfig).to_json()
    small = {"batch_size": 2, "epochs": 1, "learning_rate": 1e-2, "threads": 1}
    values = {**paper, **small, "warmup": 0.0, "deepspeed": "zero3"}
    out = tmp_path / "zero3"
    words = ["-c", SCRIPT, pairs_file, tiny_model, out, json.dumps(values)]
    said = finish(start_python(*words), 500)  # DeepSpeed compiles at its first use
    zero = json.loads(said.strip().splitlines()[-1])
    values["deepspeed"] = None
    plain = train_dpo(pairs_file, tiny_model, tmp_path / "plain", DpoConfig(**values))
    assert zero["losses"][0] == pytest.approx(0.6931, abs=1e-3)
    assert zero["losses"] == pytest.approx(plain.losses, abs=0.05)
    assert zero["losses"][-1] < zero["losses"][0]
    trained = AutoModelForCausalLM.from_pretrained(out)
    before = AutoModelForCausalLM.from_pretrained(tiny_model)
    assert trained.lm_head.weight.shape == before.lm_head.weight.shape
    assert not torch.equal(trained.lm_head.weight, before.lm_head.weight)


TWO_PROCESSES = """
import json, os, sys
from langgraph_deepsearch.training.dpo import train_dpo
from langgraph_deepsearch.training.dpo_config import DpoConfig
result = train_dpo(*sys.argv[1:4], DpoConfig(**json.loads(sys.argv[4])))
if os.environ["RANK"] == "0":
    print(json.dumps(result.to_json()))
"""


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("deepspeed", [None, "zero3"], ids=["ddp", "zero3"])
def test_two_processes_lose_what_one_does(pairs_file, tiny_model, tmp_path, deepspeed):
    if deepspeed:
        pytest.importorskip("deepspeed", reason="ZeRO needs deepspeed")
    settings = {**QUICK.to_json(), "micro_batch_size": 1, "evaluation_fraction": 0.34}
    one = train_dpo(pairs_file, tiny_model, tmp_path / "one", DpoConfig(**settings))
    script = tmp_path / "two.py"
    script.write_text(TWO_PROCESSES)
    values = json.dumps({**settings, "deepspeed": deepspeed})
    said = torchrun(script, pairs_file, tiny_model, tmp_path / "two", values)
    two = json.loads(said.strip().splitlines()[-1])
    assert two["losses"] == pytest.approx(one.losses, abs=1e-3)
    assert two["losses"][0] == pytest.approx(0.6931, abs=1e-4)
    assert two["losses"][-1] < 0.69
    assert two["evaluation_losses"] == pytest.approx(one.evaluation_losses, abs=1e-3)


def test_the_papers_settings_ship():
    paper = load_config("dpo_paper", DpoConfig)
    assert (paper.learning_rate, paper.beta, paper.epochs) == (5e-7, 0.1, 5)
    assert (paper.batch_size, paper.warmup, paper.max_length) == (256, 0.1, 10000)


def test_pairs_that_do_not_fit_are_named(base_tokenizer, make_preference):
    pairs = [make_preference(1)]
    rows, report = build_pair_rows(pairs, base_tokenizer, max_length=120)
    assert rows == []
    assert report.too_long == report.skipped == [pairs[0].id]
    assert any("do not fit" in line and pairs[0].id in line for line in report.lines())


def test_pairs_of_one_question_are_held_out_together(base_tokenizer, make_preference):
    pairs = [make_preference(number) for number in range(4) for _ in range(3)]
    rows, _ = build_pair_rows(pairs, base_tokenizer)
    kept, held_out = split_rows(rows, DpoConfig(evaluation_fraction=0.25))
    assert (len(kept), len(held_out)) == (9, 3)
    assert {row.group for row in kept}.isdisjoint(row.group for row in held_out)


def test_wrong_input_is_one_clear_line(tiny_model, tmp_path):
    with pytest.raises(PairFileError, match="no pairs file"):
        train_dpo(tmp_path / "absent.jsonl", tiny_model, tmp_path / "out")
    empty = tmp_path / "empty.jsonl"
    empty.touch()
    with pytest.raises(TrainingError, match="nothing to train on"):
        train_dpo(empty, tiny_model, tmp_path / "out")
