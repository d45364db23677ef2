"""Models are told apart without reading all their weights."""

import shutil

import pytest
import torch
from safetensors.torch import save_file

from langgraph_deepsearch.training.fingerprint import BLOCK_BYTES, model_fingerprint

LAYERS = 32


def save_model(folder, changed=None, size=BLOCK_BYTES):
    """Save a model of 32 layers of 256 KiB each; one of them may be another's."""
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    weights = {f"layers.{n}": torch.full((size,), float(n)) for n in range(LAYERS)}
    if changed is not None:
        weights[f"layers.{changed}"] += 1
    save_file(weights, folder / "model.safetensors")
    return folder


@pytest.mark.parametrize("layer", range(LAYERS))
def test_any_layer_tells_models_apart(tmp_path, layer):
    first, second = save_model(tmp_path / "a"), save_model(tmp_path / "b", layer)
    assert model_fingerprint(first) != model_fingerprint(second)


def test_a_small_models_every_weight_counts(tmp_path):
    first = save_model(tmp_path / "a", size=100)
    file = shutil.copytree(first, tmp_path / "b") / "model.safetensors"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    assert model_fingerprint(first) != model_fingerprint(file.parent)


def test_the_same_model_elsewhere_is_the_same(tmp_path):
    first = save_model(tmp_path / "a")
    assert model_fingerprint(shutil.copytree(first, tmp_path / "b")) == model_fingerprint(
        first
    )


def test_another_configuration_is_another_model(tmp_path):
    first = save_model(tmp_path / "a")
    second = shutil.copytree(first, tmp_path / "b")
    (second / "config.json").write_text('{"rope_theta": 1}')
    assert model_fingerprint(first) != model_fingerprint(second)
