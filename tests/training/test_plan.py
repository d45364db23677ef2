from __future__ import annotations

import json
import shutil

import pytest

from langgraph_deepsearch.trace import write_traces
from langgraph_deepsearch.training.batches import BatchSizeError
from langgraph_deepsearch.training.config import ConfigError, SftConfig, load_config
from langgraph_deepsearch.training.estimate import (
    SHAPES,
    Load,
    ShapeError,
    estimate,
    model_shape,
)
from langgraph_deepsearch.training.plan import plan_sft
from langgraph_deepsearch.training.sft import train_sft
from langgraph_deepsearch.training.sharding import (
    ZERO_3,
    ZERO_3_OFFLOAD,
    Sharding,
    sharding_of,
)

PAPER = Load(samples=871, tokens=871 * 4000, trained_tokens=871 * 1500, longest=30000)


def of(size, *, sharding=ZERO_3, config=None, **changes):
    recipe = config or load_config(f"sft_paper_{size}")
    return estimate(SHAPES[size], recipe, PAPER, sharding=sharding, **changes)


def test_shapes_have_the_parameters_their_models_have():
    assert SHAPES["135m"].parameters == pytest.approx(134.5e6, rel=0.001)
    assert SHAPES["7b"].parameters == pytest.approx(7.62e9, rel=0.005)
    assert SHAPES["32b"].parameters == pytest.approx(32.8e9, rel=0.005)


def test_a_models_shape_is_read_from_its_folder(tiny_model):
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(tiny_model)
    shape = model_shape(tiny_model)
    assert shape.parameters == sum(p.numel() for p in model.parameters())
    with pytest.raises(ShapeError, match="known sizes: 135m, 7b, 32b"):
        model_shape("70b")


def test_states_are_sixteen_bytes_a_parameter_shared_between_devices():
    one, eight = of("7b", devices=1), of("7b", devices=8)
    assert one.states_gib == pytest.approx(7.62e9 * 16 / 2**30, rel=0.01)
    assert eight.states_gib == pytest.approx(one.states_gib / 8)
    offloaded = of("7b", sharding=ZERO_3_OFFLOAD)
    assert offloaded.states_gib == 0
    assert offloaded.host_gib == pytest.approx(one.states_gib)


def test_the_recipes_fit_the_cards_they_are_for():
    assert of("7b").fits
    assert of("32b", sharding=ZERO_3_OFFLOAD).fits
    assert not of("32b").fits  # 8 cards of 80 GiB hold the states, and no sample beside
    assert not of("7b", devices=1).fits


def test_without_deepspeed_each_device_holds_all():
    one, eight = (of("7b", sharding=Sharding(), devices=n) for n in (1, 8))
    assert one.states_gib == eight.states_gib == of("7b", devices=1).states_gib
    assert one.gathered_gib == 0
    coarse = SftConfig(dtype="bfloat16", micro_batch_size=1)
    assert of("7b", sharding=Sharding(), config=coarse).states_gib == one.states_gib / 2
    # DeepSpeed keeps float32 masters of them itself.
    assert of("7b", config=coarse).states_gib == of("7b").states_gib


def test_stages_share_optimizer_then_gradients_then_weights():
    weight = 7.62e9 * 2 / 2**30
    found = [of("7b", sharding=Sharding(stage)).states_gib for stage in range(4)]
    wanted = [8, 2 + 6 / 8, 1 + 7 / 8, 1]
    assert found == pytest.approx([weight * n for n in wanted], rel=0.01)
    on_host = Sharding(2, offloads_optimizer=True)
    assert of("7b", sharding=on_host).states_gib == pytest.approx(weight, rel=0.01)


def test_an_adapter_leaves_the_model_frozen_in_bfloat16(tiny_model):
    peft = pytest.importorskip("peft", reason="LoRA needs peft")
    from transformers import AutoModelForCausalLM

    from langgraph_deepsearch.training.model import lora_settings

    model = AutoModelForCausalLM.from_pretrained(tiny_model)
    adapted = peft.get_peft_model(model, lora_settings(SftConfig(lora_rank=8)))
    trained, _ = adapted.get_nb_trainable_parameters()
    assert model_shape(tiny_model).adapter_parameters(8) == trained

    small = SftConfig(lora_rank=16, micro_batch_size=1)
    own, whole = (
        of("7b", sharding=Sharding(), devices=1, config=config)
        for config in (small, SftConfig(micro_batch_size=1))
    )
    adapter = SHAPES["7b"].adapter_parameters(16)
    held = (SHAPES["7b"].parameters * 2 + adapter * 16) / 2**30
    assert own.states_gib == pytest.approx(held)
    assert own.hours == pytest.approx(whole.hours * 2 / 3)


def test_frozen_layers_have_no_gradients():
    half = SftConfig(frozen_layers=14, micro_batch_size=1)
    shape = SHAPES["7b"]
    frozen = shape.vocabulary * shape.hidden + 14 * shape.layer_parameters
    found = of("7b", sharding=Sharding(), config=half)
    held = 2 * frozen + 16 * (shape.parameters - frozen)
    assert found.states_gib == pytest.approx(held / 2**30)
    whole = of("7b", sharding=Sharding(), config=SftConfig(micro_batch_size=1))
    assert found.hours == pytest.approx(whole.hours * 2 / 3)


def test_samples_at_once_are_those_that_training_takes():
    def held(**settings):
        config = SftConfig(batch_size=8, **settings)
        return of("7b", config=config, devices=2).activations_gib

    assert held() == held(micro_batch_size=4) == 4 * held(micro_batch_size=1)
    with pytest.raises(BatchSizeError, match="multiple of 3 processes"):
        of("7b", config=SftConfig(batch_size=8), devices=3)


def test_the_sharding_is_that_of_the_settings_file(tmp_path):
    assert sharding_of(SftConfig()) == Sharding()
    assert sharding_of(load_config("sft_paper_7b")) == ZERO_3
    assert sharding_of(load_config("sft_paper_32b")) == ZERO_3_OFFLOAD
    path = tmp_path / "two.json"
    offload = {"stage": 2, "offload_optimizer": {"device": "cpu"}}
    path.write_text(json.dumps({"zero_optimization": offload}))
    own = sharding_of(SftConfig(deepspeed=str(path)))
    assert own == Sharding(2, offloads_optimizer=True)
    assert own.name == "ZeRO-2 with offload"
    path.write_text('{"zero_optimization": {"stage": "three"}}')
    with pytest.raises(ConfigError, match="a stage 0 to 3, not 'three'"):
        sharding_of(SftConfig(deepspeed=str(path)))


def test_a_plan_reads_the_settings_and_the_data_as_training_does(
    tiny_model, tmp_path, make_trace
):
    traces, others = tmp_path / "traces.jsonl", tmp_path / "others.jsonl"
    long = "The result names the director. " * 40
    written = [make_trace(n) for n in range(8)]
    written[0].segments[4].text = long
    write_traces(traces, written)
    pairs = [{"prompt": f"{n}?", "output": "x " * n} for n in range(1, 9)]
    others.write_text("".join(json.dumps(pair) + "\n" for pair in pairs))
    model = tmp_path / "short"
    shutil.copytree(tiny_model, model)
    values = json.loads((model / "config.json").read_text())
    values["max_position_embeddings"] = 400
    (model / "config.json").write_text(json.dumps(values))
    config = SftConfig(
        batch_size=1,
        threads=1,
        other_data=str(others),
        other_ratio=0.5,
        evaluation_fraction=0.25,
    )
    plan = plan_sft(traces, model, config, devices=1, kind="cpu")
    assert plan.load.samples == 8  # 7 traces fit, 4 others; 3 of them are held out
    assert plan.load.longest <= 400
    result = train_sft(traces, model, tmp_path / "model", config)
    assert result.tokens == plan.load.tokens
    assert result.trained_tokens == plan.load.trained_tokens
    assert len(result.losses) == plan.steps
    assert plan.estimates[0].name == "no DeepSpeed"
    assert plan.text().splitlines()[1].startswith("as set, no DeepSpeed: ")
    guessed = plan_sft(traces, "7b", config, devices=1)
    assert (guessed.load.samples, guessed.exact) == (9, False)


def test_checkpointing_saves_memory_and_costs_a_third_more_time():
    recipe = load_config("sft_paper_7b")
    without = SftConfig(**{**recipe.to_json(), "gradient_checkpointing": False})
    saved, whole = of("7b"), of("7b", config=without)
    assert whole.activations_gib > 5 * saved.activations_gib
    assert saved.hours == pytest.approx(whole.hours * 4 / 3)


def test_arithmetic_follows_six_operations_a_parameter_and_token():
    shape = SHAPES["7b"]
    dense = 6 * shape.layers * shape.layer_parameters * 1000
    found = shape.training_flops([1000], labelled=0)
    assert dense < found < 1.02 * dense
    long = shape.training_flops([30000], 0) / shape.training_flops([1000] * 30, 0)
    assert 1.1 < long < 2.0  # attention grows with the square
    assert shape.training_flops([10], 10) - shape.training_flops([10], 0) == (
        6 * shape.vocabulary * shape.hidden * 10
    )


def test_a_plan_counts_with_the_models_tokenizer_or_says_that_it_estimates(
    traces_file, tiny_model
):
    config = SftConfig(batch_size=4, epochs=2)
    exact = plan_sft(traces_file, tiny_model, config, devices=1, kind="cpu")
    assert exact.exact
    assert (exact.load.samples, exact.steps) == (12, 6)
    with pytest.raises(BatchSizeError):
        plan_sft(traces_file, tiny_model, config, devices=8)
    guessed = plan_sft(traces_file, "7b", load_config("sft_paper_7b"))
    assert not guessed.exact
    assert guessed.load.tokens == pytest.approx(exact.load.tokens, rel=0.5)
    text = guessed.text()
    assert "as set, ZeRO-3:" in text
    assert "instead, ZeRO-3 with offload:" in text
    assert "estimated from text" in text
    assert "not measured" in text
    assert [e["name"] for e in guessed.to_json()["estimates"]] == [
        "ZeRO-3",
        "ZeRO-3 with offload",
    ]
    with pytest.raises(ShapeError, match="unknown device 'tpu'"):
        plan_sft(traces_file, "7b", config, kind="tpu")
