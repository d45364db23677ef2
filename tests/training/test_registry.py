from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from rich.console import Console

from langgraph_deepsearch.training.registry import ModelRegistry, RegistryError

TRAINING = {
    "parent": "base@1234",
    "data_sha256": "ab" * 32,
    "config": {"learning_rate": 2e-4},
    "tokens": 100,
    "trained_tokens": 20,
    "seconds": 3.0,
    "losses": [2.0, 0.5],
}


@pytest.fixture
def registry(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    return ModelRegistry(tmp_path)


def test_a_training_becomes_the_newest_version_and_the_current_one(registry, tmp_path):
    registry.add("desk", tmp_path / "one", training=TRAINING)
    second = registry.add("desk", tmp_path / "two", training=TRAINING, parent="desk@1")
    assert (second.key, second.path, second.parent) == ("desk@2", "two", "desk@1")
    assert second.metrics["loss"] == 0.5
    assert registry.current() == second
    assert [model.key for model in registry.models()] == ["desk@1", "desk@2"]
    assert json.loads((tmp_path / "models.json").read_text()) == registry.to_json()


def test_one_can_go_back_to_an_earlier_version(registry, tmp_path):
    registry.add("desk", tmp_path / "one", training=TRAINING)
    registry.add("desk", tmp_path / "two", training=TRAINING)
    registry.use("desk@1")
    assert registry.path(registry.current()) == tmp_path / "one"
    assert registry.get("desk").version == 2
    (tmp_path / "two").rmdir()
    with pytest.raises(RegistryError, match="files of desk@2 are gone"):
        registry.use("desk@2")
    assert registry.current().key == "desk@1"


def test_a_version_is_not_taken_for_what_replaced_its_files(registry, tmp_path):
    weights = tmp_path / "one" / "model.safetensors"
    weights.write_bytes(b"first")
    first = registry.add("desk", tmp_path / "one", training=TRAINING)
    weights.write_bytes(b"other")
    second = registry.add("desk", tmp_path / "one", training=TRAINING)
    assert (first.key, second.key) == ("desk@1", "desk@2")
    with pytest.raises(RegistryError, match=r"another model lies in .*one, where desk@1"):
        registry.use("desk@1")
    assert registry.current() == second
    assert printed(registry.table(), tmp_path).count("one (gone)") == 1
    weights.write_bytes(b"first")
    assert registry.use("desk@1").key == "desk@1"


def test_a_registry_from_before_fingerprints_is_read(registry, tmp_path):
    registry.add("desk", tmp_path / "one", training=TRAINING)
    values = registry.to_json()
    del values["models"][0]["fingerprint"]
    (tmp_path / "models.json").write_text(json.dumps(values))
    assert registry.use("desk@1").fingerprint == ""
    again = registry.add("desk", tmp_path / "one", training=TRAINING)
    assert (again.key, len(registry.models())) == ("desk@1", 1)
    assert again.fingerprint


def test_adding_the_same_model_again_makes_no_version(registry, tmp_path):
    first = registry.add("desk", tmp_path / "one", training=TRAINING)
    again = registry.add("desk", tmp_path / "one", training=TRAINING, metrics={"f1": 0.8})
    assert again.key == first.key == "desk@1"
    assert registry.get("desk@1").metrics["f1"] == 0.8
    assert registry.get("desk@1").created == first.created


def test_figures_are_added_to_a_model(registry, tmp_path):
    registry.add("desk", tmp_path / "one", training=TRAINING)
    registry.record("desk@1", {"f1": 0.75})
    model = registry.get("desk")
    assert (model.metrics["f1"], model.metrics["loss"]) == (0.75, 0.5)


def test_several_writers_lose_nothing(registry, tmp_path):
    def add(number: int) -> None:
        ModelRegistry(tmp_path).add(f"model{number}", tmp_path / "one", training=TRAINING)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(20)))
    assert {model.name for model in registry.models()} == {f"model{n}" for n in range(20)}


def test_unknown_names_and_damaged_files_are_one_clear_line(registry, tmp_path):
    registry.add("desk", tmp_path / "one")
    with pytest.raises(RegistryError, match=r"no model 'other' in .* known: desk@1"):
        registry.use("other")
    with pytest.raises(RegistryError, match="no model name"):
        registry.add("a@b", tmp_path / "one")
    (tmp_path / "models.json").write_text("{")
    with pytest.raises(RegistryError, match="is no model registry"):
        registry.models()


def printed(table, tmp_path):
    console = Console(
        width=160, record=True, quiet=False, file=(tmp_path / "out").open("w")
    )
    console.print(table)
    return console.export_text()


def test_a_figure_that_is_no_number_is_shown_as_it_is(registry, tmp_path):
    registry.add("desk", tmp_path / "one", metrics={"f1": "to measure", "loss": None})
    assert "to measure" in printed(registry.table(), tmp_path)


def test_the_table_marks_the_current_model(registry, tmp_path):
    registry.add("desk", tmp_path / "one", training=TRAINING)
    text = printed(registry.table(), tmp_path)
    assert "→" in text
    assert "desk@1" in text
    assert "abababab" in text
