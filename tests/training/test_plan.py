from __future__ import annotations

import pytest

from langgraph_deepsearch.training.config import SftConfig, load_config
from langgraph_deepsearch.training.estimate import (
    SHAPES,
    Load,
    ShapeError,
    estimate,
    model_shape,
)
from langgraph_deepsearch.training.plan import plan_sft

PAPER = Load(samples=871, tokens=871 * 4000, trained_tokens=871 * 1500, longest=30000)


def of(size, *, offload=False, config=None, **changes):
    recipe = config or load_config(f"sft_paper_{size}")
    return estimate(SHAPES[size], recipe, PAPER, offload=offload, **changes)


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
    offloaded = of("7b", offload=True)
    assert offloaded.states_gib == 0
    assert offloaded.host_gib == pytest.approx(one.states_gib)


def test_the_recipes_fit_the_cards_they_are_for():
    assert of("7b").fits
    assert of("32b", offload=True).fits
    assert not of("32b").fits  # 8 cards of 80 GiB hold the states, and no sample beside
    assert not of("7b", devices=1).fits


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
    guessed = plan_sft(traces_file, "7b", load_config("sft_paper_7b"))
    assert not guessed.exact
    assert guessed.load.tokens == pytest.approx(exact.load.tokens, rel=0.5)
    text = guessed.text()
    assert "ZeRO-3:" in text
    assert "ZeRO-3 with offload:" in text
    assert "estimated from text" in text
    assert "not measured" in text
    assert [e["name"] for e in guessed.to_json()["estimates"]] == [
        "ZeRO-3",
        "ZeRO-3 with offload",
    ]
    with pytest.raises(ShapeError, match="unknown device 'tpu'"):
        plan_sft(traces_file, "7b", config, kind="tpu")
