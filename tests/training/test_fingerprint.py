"""Models are told apart without reading all their weights."""

from __future__ import annotations

import shutil

import pytest

from langgraph_deepsearch.training.fingerprint import model_fingerprint

LAYERS = 32
LAYER_BYTES = 1 << 18


@pytest.fixture
def model(tmp_path):
    """A folder whose weights file is as long as 32 layers of 256 KiB."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(bytes(LAYERS * LAYER_BYTES))
    return folder


def flip(model, offset, count=1):
    """Change bytes of the weights file."""
    with (model / "model.safetensors").open("r+b") as stream:
        stream.seek(offset)
        stream.write(b"\1" * count)


def test_any_layer_tells_models_apart(model):
    found = {model_fingerprint(model)}
    for layer in range(LAYERS):
        flip(model, layer * LAYER_BYTES, LAYER_BYTES)
        found.add(model_fingerprint(model))
    assert len(found) == LAYERS + 1


def test_every_byte_of_a_small_file_counts(model):
    (model / "model.safetensors").write_bytes(bytes(3_000_000))
    found = {model_fingerprint(model)}
    for offset in range(0, 3_000_000, 99_991):
        flip(model, offset)
        found.add(model_fingerprint(model))
    assert len(found) == 32


def test_the_same_model_elsewhere_is_the_same(model, tmp_path):
    copied = shutil.copytree(model, tmp_path / "b")
    assert model_fingerprint(copied) == model_fingerprint(model)


def test_another_configuration_is_another_model(model):
    before = model_fingerprint(model)
    (model / "config.json").write_text('{"rope_theta": 1}')
    assert model_fingerprint(model) != before
