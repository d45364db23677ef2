from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="training needs torch")

import torch
from killed_runs import finish, kill_after_a_checkpoint, start_python, torchrun
from transformers import AutoModelForCausalLM, AutoTokenizer

from langgraph_deepsearch.trace import TraceFileError, read_traces, write_traces
from langgraph_deepsearch.training.arguments import training_arguments
from langgraph_deepsearch.training.batches import BatchSizeError
from langgraph_deepsearch.training.checkpoints import TrainingMismatchError
from langgraph_deepsearch.training.config import ConfigError
from langgraph_deepsearch.training.rows import IGNORED, TokenRow, build_rows
from langgraph_deepsearch.training.run import split_rows
from langgraph_deepsearch.training.sft import (
    SftConfig,
    TrainingError,
    row_trainer,
    train_sft,
)
from langgraph_deepsearch.training.sft_data import training_file
from langgraph_deepsearch.training.trainer import RowTrainer

QUICK = SftConfig(learning_rate=2e-2, batch_size=2, epochs=2, warmup=0.0, threads=1)

SCRIPT = """
import json, sys, time
from langgraph_deepsearch.training.sft import SftConfig, train_sft
from langgraph_deepsearch.training import trainer
slow = float(sys.argv[5])
step = trainer.RowTrainer.training_step
def slowly(self, *a, **k):
    time.sleep(slow)
    return step(self, *a, **k)
trainer.RowTrainer.training_step = slowly
result = train_sft(sys.argv[1], sys.argv[2], sys.argv[3], SftConfig(**json.loads(sys.argv[4])))
print(json.dumps(result.to_json()))
"""


@pytest.mark.parametrize("dtype", ["mixed", "float32"])
def test_the_optimizer_has_the_settings_beta(tiny_model, tmp_path, dtype):
    config = SftConfig(batch_size=1, dtype=dtype, adam_beta2=0.9)
    rows = [TokenRow([1, 2, 3], [IGNORED, 2, 3], "a")]
    optimizer = row_trainer(tiny_model, config, rows, tmp_path).create_optimizer()
    assert {group["betas"] for group in optimizer.param_groups} == {(0.9, 0.9)}


def test_training_lowers_the_loss_and_leaves_a_model_that_loads(
    traces_file, tiny_model, tmp_path, capfd
):
    out = tmp_path / "model"
    result = train_sft(traces_file, tiny_model, out, QUICK)
    assert result.model == out
    assert len(result.losses) == 12
    assert result.losses[-1] < 0.8 * result.losses[0]
    assert result.skipped == []
    said = json.loads((out / "training.json").read_text())
    assert said["config"]["batch_size"] == 2
    assert said["trained_tokens"] == result.trained_tokens < result.tokens == said["tokens"]
    assert len(said["data_sha256"]) == 64
    assert said["parent"].startswith("tiny@")
    assert said["versions"]["torch"]
    model = AutoModelForCausalLM.from_pretrained(out)
    assert model.dtype == torch.bfloat16
    AutoTokenizer.from_pretrained(out)
    assert not list(tmp_path.glob("*.checkpoints"))
    err = capfd.readouterr().err
    assert "12 of 12 traces became rows" in err
    assert "Warning" not in err


def test_a_finished_run_does_nothing_and_other_data_is_refused(
    traces_file, tiny_model, tmp_path, make_trace
):
    out = tmp_path / "model"
    config = SftConfig(batch_size=8, threads=1)
    first = train_sft(traces_file, tiny_model, out, config)
    weights = (out / "model.safetensors").stat().st_mtime_ns
    again = train_sft(traces_file, tiny_model, out, config)
    assert again.finished_before
    assert not first.finished_before
    assert again.losses == first.losses
    assert "nothing to do" in str(again)
    assert (out / "model.safetensors").stat().st_mtime_ns == weights
    with pytest.raises(TrainingMismatchError, match="another config"):
        train_sft(traces_file, tiny_model, out, SftConfig(batch_size=4))
    other = tmp_path / "other.jsonl"
    write_traces(other, [make_trace(99)])
    with pytest.raises(TrainingMismatchError, match="another data_sha256"):
        train_sft(other, tiny_model, out, config)


def test_a_run_from_before_a_setting_was_added_had_its_default(
    traces_file, tiny_model, tmp_path
):
    out = tmp_path / "model"
    config = SftConfig(batch_size=8, threads=1)
    train_sft(traces_file, tiny_model, out, config)
    said = json.loads((out / "training.json").read_text())
    del said["config"]["weight_decay"]
    (out / "training.json").write_text(json.dumps(said))
    assert train_sft(traces_file, tiny_model, out, config).finished_before
    changed = SftConfig(batch_size=8, threads=1, weight_decay=0.1)
    wrong = r"another config \(weight_decay 0.0, now 0.1\)"
    with pytest.raises(TrainingMismatchError, match=wrong):
        train_sft(traces_file, tiny_model, out, changed)


def test_what_could_not_start_bars_no_other_settings(traces_file, tiny_model, tmp_path):
    out = tmp_path / "model"
    with pytest.raises(BatchSizeError):
        train_sft(traces_file, tiny_model, out, SftConfig(batch_size=3, micro_batch_size=2))
    config = SftConfig(batch_size=12, threads=1)
    assert train_sft(traces_file, tiny_model, out, config).losses


def test_checkpoints_of_other_settings_are_named_and_stay(
    traces_file, tiny_model, tmp_path, monkeypatch
):
    def stopped(self, *_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(RowTrainer, "train", stopped)
    with pytest.raises(KeyboardInterrupt):
        train_sft(traces_file, tiny_model, tmp_path / "model", SftConfig(threads=1))
    folder = tmp_path / "model.checkpoints"
    with pytest.raises(TrainingMismatchError, match="another config") as error:
        train_sft(traces_file, tiny_model, tmp_path / "model", SftConfig(threads=2))
    assert f"remove {folder} to" in str(error.value)
    assert str(error.value).startswith(f"{folder} holds")
    assert (folder / "manifest.json").is_file()


def test_a_killed_run_resumes_and_ends_like_an_unbroken_one(
    traces_file, tiny_model, tmp_path
):
    config = json.dumps({"batch_size": 1, "save_steps": 3, "threads": 1})
    killed_out = tmp_path / "killed"
    checkpoints = tmp_path / "killed.checkpoints"
    words = ["-c", SCRIPT, traces_file, tiny_model, killed_out, config]
    kill_after_a_checkpoint(start_python(*words, 0.2), checkpoints)
    assert not killed_out.exists()
    torn = checkpoints / "checkpoint-999"
    torn.mkdir()
    (torn / "model.safetensors").write_text("torn")

    resumed = json.loads(finish(start_python(*words, 0)))
    settings = SftConfig(**json.loads(config))
    unbroken = train_sft(traces_file, tiny_model, tmp_path / "whole", settings)
    assert resumed["resumed"]
    assert not unbroken.resumed
    assert len(resumed["losses"]) == 12
    assert resumed["losses"] == pytest.approx(unbroken.losses, abs=1e-3)
    assert not checkpoints.exists()


@pytest.mark.parametrize("counted", ["step", "batch"])
def test_the_trainers_loss_and_gradients_equal_a_plain_reference(
    tiny_model, make_trace, tmp_path, counted
):
    """Packed rows, logits at labels alone and our loss against one row at a time."""
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    rows, _ = build_rows([make_trace(n) for n in range(5)], tokenizer)
    config = SftConfig(dtype="float32", batch_size=5, micro_batch_size=5, threads=1)
    trainer = row_trainer(tiny_model, config, rows, tmp_path)
    labels = sum(row.trained_tokens for row in rows)
    # An optimizer step may hold more labels than the batch.
    items = 2 * labels if counted == "step" else None
    batch = trainer._prepare_inputs(trainer.data_collator(rows))
    loss = trainer.compute_loss(trainer.model, batch, num_items_in_batch=items)
    loss.backward()

    plain = AutoModelForCausalLM.from_pretrained(
        tiny_model, dtype=torch.float32, attn_implementation="eager"
    )
    expected = torch.zeros(())
    for row in rows:
        logits = plain(torch.tensor([row.input_ids])).logits[0, :-1]
        targets = torch.tensor(row.labels[1:])
        expected = expected + torch.nn.functional.cross_entropy(
            logits, targets, ignore_index=IGNORED, reduction="sum"
        )
    expected = expected / (items or labels)
    expected.backward()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-4)
    ours = trainer.model.named_parameters()
    for (name, mine), wanted in zip(ours, plain.parameters(), strict=True):
        scale = wanted.grad.abs().max().item()
        torch.testing.assert_close(
            mine.grad, wanted.grad, atol=1e-3 * scale, rtol=1e-3, msg=name
        )


def test_accumulation_does_not_change_the_run(traces_file, tiny_model, tmp_path):
    def losses(name, **changes):
        config = SftConfig(
            batch_size=4, dtype="float32", learning_rate=1e-2, threads=1, **changes
        )
        return train_sft(traces_file, tiny_model, tmp_path / name, config).losses

    assert losses("one") == pytest.approx(losses("two", micro_batch_size=2), abs=1e-4)
    assert apart(tmp_path / "two", tmp_path / "one", tiny_model) < 0.02
    losses("slower", micro_batch_size=2, warmup=0.5)
    assert apart(tmp_path / "slower", tmp_path / "one", tiny_model) > 0.1


def test_an_adapter_is_trained_and_saved_alone(traces_file, tiny_model, tmp_path):
    peft = pytest.importorskip("peft", reason="LoRA needs peft")

    out = tmp_path / "adapter"
    config = SftConfig(
        learning_rate=2e-2,
        batch_size=2,
        lora_rank=4,
        gradient_checkpointing=True,
        threads=1,
    )
    result = train_sft(traces_file, tiny_model, out, config)
    assert result.losses[-1] < result.losses[0]
    assert (out / "adapter_config.json").is_file()
    assert not (out / "model.safetensors").exists()
    base = AutoModelForCausalLM.from_pretrained(tiny_model)
    peft.PeftModel.from_pretrained(base, out)


def test_the_lowest_layers_stay_as_they_are(traces_file, tiny_model, tmp_path):
    layers = AutoModelForCausalLM.from_pretrained(tiny_model).config.num_hidden_layers
    config = SftConfig(learning_rate=2e-2, batch_size=4, frozen_layers=1, threads=1)
    train_sft(traces_file, tiny_model, tmp_path / "model", config)
    before, after = (
        AutoModelForCausalLM.from_pretrained(path, dtype=torch.bfloat16).state_dict()
        for path in (tiny_model, tmp_path / "model")
    )
    stayed = {name for name in before if torch.equal(before[name], after[name])}
    frozen = {n for n in before if "embed_tokens" in n or ".layers.0." in n}
    assert frozen <= stayed
    trained = {n for n in before if n.endswith("proj.weight")} - frozen
    assert trained
    assert not trained & stayed
    with pytest.raises(ConfigError, match=f"the model has {layers} layers"):
        train_sft(
            traces_file,
            tiny_model,
            tmp_path / "none",
            SftConfig(frozen_layers=layers, threads=1),
        )
    with pytest.raises(ConfigError, match="0 with lora_rank"):
        SftConfig(frozen_layers=1, lora_rank=4)


def test_held_out_rows_are_measured(traces_file, tiny_model, tmp_path):
    config = SftConfig(
        batch_size=4, epochs=2, learning_rate=1e-2, evaluation_fraction=0.25, threads=1
    )
    result = train_sft(traces_file, tiny_model, tmp_path / "model", config)
    assert len(result.evaluation_losses) == 2
    assert result.evaluation_losses[1] < result.evaluation_losses[0]
    assert len(result.losses) == 6  # 9 rows in batches of 4, twice
    rows, _ = build_rows(
        read_traces(traces_file), AutoTokenizer.from_pretrained(tiny_model)
    )
    trained_on, held_out = split_rows(rows, config)
    assert (len(trained_on), len(held_out)) == (9, 3)
    assert result.tokens == 2 * sum(len(row.input_ids) for row in trained_on)
    assert result.trained_tokens == 2 * sum(row.trained_tokens for row in trained_on)


def test_a_question_is_held_out_with_all_its_runs():
    rows = [
        TokenRow([question], [question], f"q{question}/{run}", f"q{question}")
        for run in range(3)
        for question in range(20)
    ]
    kept, held_out = split_rows(rows, SftConfig(evaluation_fraction=0.1))
    assert (len(kept), len(held_out)) == (54, 6)
    assert not {row.question for row in kept} & {row.question for row in held_out}
    alone = [TokenRow([n], [n], f"t{n}") for n in range(20)]
    kept, held_out = split_rows(alone, SftConfig(evaluation_fraction=0.1))
    assert (len(kept), len(held_out)) == (18, 2)
    with pytest.raises(TrainingError, match="of 1 questions holds out none"):
        split_rows([rows[0], rows[20]], SftConfig(evaluation_fraction=0.4))


def test_rows_know_their_question(base_tokenizer, make_trace):
    named = make_trace(1, question_id="q7")
    (row, unnamed), _ = build_rows([named, make_trace(2)], base_tokenizer)
    assert (row.group, unnamed.group) == ("q7", "Who directed film number 2?")


@pytest.mark.parametrize("micro", [1, 4])
def test_the_evaluations_loss_is_a_mean_over_labels(tiny_model, tmp_path, micro):
    """Rows of 1 and of 40 labels in one split: a mean of batches' means is another number."""
    generator = torch.Generator().manual_seed(0)
    rows = []
    for labels in (1, 40, 1, 3, 1, 9):
        ids = torch.randint(100, 1000, (labels + 2,), generator=generator).tolist()
        rows.append(TokenRow(ids, [IGNORED, IGNORED, *ids[2:]], f"t{labels}"))
    config = SftConfig(
        batch_size=4,
        micro_batch_size=micro,
        dtype="float32",
        evaluation_fraction=0.5,
        threads=1,
    )
    trainer = row_trainer(tiny_model, config, rows[:4], tmp_path, held_out=rows)
    plain = AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float32)
    total = torch.zeros(())
    with torch.no_grad():
        for row in rows:
            logits = plain(torch.tensor([row.input_ids])).logits[0, :-1]
            labels = torch.tensor(row.labels[1:])
            total += torch.nn.functional.cross_entropy(
                logits, labels, ignore_index=IGNORED, reduction="sum"
            )
    expected = total.item() / sum(row.trained_tokens for row in rows)
    assert trainer.evaluate()["eval_loss"] == pytest.approx(expected, abs=1e-4)


def test_of_a_run_directory_what_curation_kept_is_trained_on(
    traces_file, tiny_model, tmp_path, make_trace, capfd
):
    directory = Path(traces_file).parent
    assert training_file(directory) == Path(traces_file)
    curated = directory / "curated.jsonl"
    write_traces(curated, [make_trace(n) for n in range(4)])
    config = SftConfig(batch_size=4, threads=1)
    result = train_sft(directory, tiny_model, tmp_path / "model", config)
    assert len(result.losses) == 1
    said = "".join(capfd.readouterr().err.split())
    assert f"trainingon{curated}" in said
    assert "4of4tracesbecamerows" in said


@pytest.mark.parametrize(("share", "held_out"), [(0.01, "none"), (0.99, "all")])
def test_a_share_that_holds_out_no_row_or_all_is_one_line(
    traces_file, tiny_model, tmp_path, share, held_out
):
    config = SftConfig(evaluation_fraction=share, threads=1)
    with pytest.raises(TrainingError, match=f"of 12 questions holds out {held_out}; set"):
        train_sft(traces_file, tiny_model, tmp_path / "model", config)


@pytest.mark.slow
def test_zero_stage_3_trains_on_cpu_and_gathers_the_model(
    traces_file, tiny_model, tmp_path
):
    pytest.importorskip("deepspeed", reason="ZeRO needs deepspeed")
    out = tmp_path / "zero3"
    settings = {"learning_rate": 1e-2, "batch_size": 4, "deepspeed": "zero3", "threads": 1}
    words = ["-c", SCRIPT, traces_file, tiny_model, out, json.dumps(settings), 0]
    zero = json.loads(finish(start_python(*words)).strip().splitlines()[-1])
    del settings["deepspeed"]
    plain = train_sft(traces_file, tiny_model, tmp_path / "plain", SftConfig(**settings))
    assert zero["losses"] == pytest.approx(plain.losses, abs=0.05)
    trained = AutoModelForCausalLM.from_pretrained(out)
    before = AutoModelForCausalLM.from_pretrained(tiny_model)
    assert sum(p.numel() for p in trained.parameters()) == sum(
        p.numel() for p in before.parameters()
    )
    assert not torch.equal(trained.lm_head.weight, before.lm_head.weight)


TWO_PROCESSES = """
import json, os, sys
from langgraph_deepsearch.training.sft import SftConfig, train_sft
result = train_sft(sys.argv[1], sys.argv[2], sys.argv[3], SftConfig(**json.loads(sys.argv[4])))
if os.environ["RANK"] == "0":
    print(json.dumps(result.to_json()))
"""


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("deepspeed", [None, "zero3"], ids=["ddp", "zero3"])
def test_two_processes_lose_what_one_does(traces_file, tiny_model, tmp_path, deepspeed):
    if deepspeed:
        pytest.importorskip("deepspeed", reason="ZeRO needs deepspeed")
    settings = {
        "learning_rate": 1e-2,
        "batch_size": 4,
        "micro_batch_size": 1,
        "dtype": "float32",
        "threads": 1,
    }
    one = train_sft(traces_file, tiny_model, tmp_path / "one", SftConfig(**settings))
    script = tmp_path / "two.py"
    script.write_text(TWO_PROCESSES)
    out = tmp_path / "two"
    values = json.dumps({**settings, "deepspeed": deepspeed})
    said = torchrun(script, traces_file, tiny_model, out, values)
    two = json.loads(said.strip().splitlines()[-1])
    assert two["losses"] == pytest.approx(one.losses, abs=1e-3)
    assert len(one.losses) == 3
    assert apart(out, tmp_path / "one", tiny_model) < 0.02


def apart(one, other, start) -> float:
    """Return the distance of two trained models, as a share of how far one has come."""
    a, b, before = (
        torch.cat(
            [
                weight.flatten()
                for weight in AutoModelForCausalLM.from_pretrained(
                    path, dtype=torch.float32
                ).parameters()
            ]
        )
        for path in (one, other, start)
    )
    return ((a - b).norm() / (b - before).norm()).item()


@pytest.mark.parametrize(("length", "at_once"), [(100, 8), (300, 4), (600, 2), (5000, 1)])
def test_a_cpu_takes_few_tokens_at_once(tmp_path, monkeypatch, length, at_once):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    rows = [TokenRow([1] * length, [1] * length, "t")] * 16
    arguments = training_arguments(SftConfig(batch_size=8), rows, tmp_path)
    assert arguments.per_device_train_batch_size == at_once
    assert arguments.gradient_accumulation_steps == 8 // at_once


def test_wrong_input_is_one_clear_line(traces_file, tiny_model, tmp_path, make_trace):
    with pytest.raises(TrainingError, match="holds no model"):
        train_sft(traces_file, tmp_path, tmp_path / "out")
    with pytest.raises(TraceFileError, match="no trace file"):
        train_sft(tmp_path / "absent.jsonl", tiny_model, tmp_path / "out")
    empty = tmp_path / "empty.jsonl"
    empty.touch()
    with pytest.raises(TrainingError, match="nothing to train on"):
        train_sft(empty, tiny_model, tmp_path / "out")
    with pytest.raises(
        BatchSizeError, match="multiple of 1 processes times micro_batch_size 3"
    ):
        train_sft(traces_file, tiny_model, tmp_path / "a", SftConfig(micro_batch_size=3))
    with pytest.raises(TrainingError, match="choose a new folder"):
        train_sft(traces_file, tiny_model, Path(traces_file).parent)
