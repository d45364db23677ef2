"""The training speed benchmark at toy size: both sides, on a CPU."""

from __future__ import annotations

import ast
import importlib
import json
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="training needs torch")

from langgraph_deepsearch.training import estimate, sft
from langgraph_deepsearch.training.rows import IGNORED

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
R1_SEARCHER = Path(__file__).parents[3] / "shared" / "data" / "traces_r1searcher"


@pytest.fixture(scope="module")
def speed():
    sys.path.insert(0, str(BENCHMARKS))
    yield importlib.import_module("sft_speed")
    sys.path.remove(str(BENCHMARKS))


def test_random_rows_carry_loss_on_a_part(speed):
    rows = speed.random_rows(100, 200, 5)
    assert {len(row.input_ids) for row in rows} == {200}
    share = sum(row.trained_tokens for row in rows) / 1000
    assert 0.1 < share < 0.8
    assert all(row.labels[-1] != IGNORED for row in rows)


@pytest.mark.parametrize("side", ["ours", "reference", "reference_kept"])
def test_a_random_model_of_a_size_is_trained(speed, monkeypatch, tmp_path, side):
    toy = estimate.ModelShape(2, 32, 64, 4, 2, 128, 8)
    monkeypatch.setitem(estimate.SHAPES, "toy", toy)
    model = speed.random_model("toy", tmp_path)
    assert estimate.model_shape(model).parameters == toy.parameters
    rows = speed.random_rows(128, 60, 4)
    figures = speed.measure(side, rows, model, steps=1, batch=2)
    assert figures["checkpointing"] == (side == "reference")
    assert figures["dtype"] == "mixed"
    assert figures["tokens"] == 120  # the first step is not counted
    assert figures["trained_tokens"] == sum(row.trained_tokens for row in rows[2:])
    assert figures["seconds"] > 0
    assert figures["peak_gib"] > 0
    assert figures["flops_per_second"] > 0


def test_ours_is_what_train_sft_trains_with(speed, tiny_model, tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr(sft, "row_trainer", lambda *given: made.append(given))
    rows = speed.random_rows(128, 60, 4)
    config = sft.SftConfig(batch_size=2)
    speed._ours(tiny_model, rows, config, tmp_path)
    assert made == [(tiny_model, config, rows, tmp_path)]


def test_a_large_model_is_bfloat16_alone_with_activations_recomputed(
    speed, tiny_model, monkeypatch
):
    rows = speed.random_rows(128, 60, 4)
    figures = speed.measure("ours", rows, tiny_model, steps=1, batch=2, is_large=True)
    assert (figures["dtype"], figures["checkpointing"]) == ("bfloat16", True)


def test_ours_is_compared_with_the_others_by_their_best_rounds(speed):
    def side(rate, memory):
        return {"trained_tokens_per_second": rate, "peak_gib": memory}

    rounds = [
        {"ours": side(30.0, 2.0), "reference": side(10.0, 4.0)},
        {"reference": side(5.0, 4.0), "ours": side(40.0, 2.0)},
    ]
    assert speed.compare(rounds) == {"reference": {"speedup": 4.0, "memory_share": 0.5}}


def test_real_lengths_come_from_r1_searchers_rollouts(speed, base_model, capsys):
    if not R1_SEARCHER.is_dir():
        pytest.skip("R1-Searcher's rollouts are not here")
    rows = speed.rows_of_traces(R1_SEARCHER, base_model, 8, warm_up=2)
    assert len(rows) == 10
    assert all(0 < row.trained_tokens < len(row.input_ids) for row in rows)
    lengths = [len(row.input_ids) for row in rows]
    assert max(lengths[:2]) <= min(lengths[2:])
    # Eight rows have the lengths of all.
    said = capsys.readouterr().err.splitlines()[-2:]
    every, counted = (ast.literal_eval(line.partition(": ")[2]) for line in said)
    assert counted["mean"] == pytest.approx(every["mean"], rel=0.1)
    assert counted["median"] == pytest.approx(every["median"], rel=0.15)


def test_all_sides_run_in_processes_of_their_own(speed, tiny_model, tmp_path, monkeypatch):
    rows = speed.random_rows(1000, 40, 4)
    monkeypatch.setattr(speed, "make_rows", lambda _: rows)
    out = tmp_path / "speed.json"
    words = ["--traces", ".", "--model", str(tiny_model), "--out", str(out)]
    words += ["--steps", "1", "--batch", "2"]
    monkeypatch.setattr(sys, "argv", ["sft_speed.py", *words])
    speed.main()
    result = json.loads(out.read_text())
    [found] = result["rounds"]
    counted = sum(row.trained_tokens for row in rows[2:])
    assert {side: figures["trained_tokens"] for side, figures in found.items()} == (
        dict.fromkeys(speed.SIDES, counted)
    )
    rates = {s: figures["trained_tokens_per_second"] for s, figures in found.items()}
    for side in ("reference", "reference_kept"):
        ratio = rates["ours"] / rates[side]
        assert result["over"][side]["speedup"] == pytest.approx(ratio)
    assert result["lengths"]["rows"] == 2
