from __future__ import annotations

import json

import pytest

from langgraph_deepsearch.training.config import (
    CONFIG_DIR,
    ConfigError,
    SftConfig,
    load_config,
)


def test_shipped_settings_load_by_name():
    paper = load_config("sft_paper")
    assert (paper.batch_size, paper.epochs, paper.learning_rate) == (64, 6, 1e-5)
    assert (paper.warmup, paper.max_length) == (0.03, 30000)
    assert load_config("sft_desk") == load_config() == SftConfig()


def test_deepspeed_files_ship():
    for name in ("zero3", "zero3_offload"):
        values = json.loads((CONFIG_DIR / f"{name}.json").read_text())
        assert values["zero_optimization"]["stage"] == 3


def test_toml_and_json_files_load(tmp_path):
    (tmp_path / "a.toml").write_text("learning_rate = 1e-4\nlora_rank = 8\n")
    (tmp_path / "a.json").write_text('{"learning_rate": 1e-4, "lora_rank": 8}')
    loaded = load_config(tmp_path / "a.toml")
    assert loaded == load_config(tmp_path / "a.json")
    assert loaded.lora_rank == 8


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"learning_rat": 1}', "unknown setting 'learning_rat'; known: learning_rate"),
        ('{"batch_size": "8"}', "setting batch_size is '8'; expected int"),
        ('{"batch_size": true}', "setting batch_size is True"),
        ('{"dtype": "int8"}', "setting dtype is 'int8'"),
        ('{"epochs": 0}', "setting epochs must be more than 0"),
        ('{"warmup": 1.5}', "setting warmup is a share"),
        ('{"adam_beta2": 1}', "setting adam_beta2 is"),
        ('{"lora_rank": -1}', "lora_rank"),
        ("[1]", "must be one object"),
        ("{", "not readable as JSON"),
    ],
)
def test_a_wrong_file_gets_one_line_that_names_it(tmp_path, text, said):
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(ConfigError) as error:
        load_config(path)
    assert said in str(error.value)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_in_another_encoding_is_one_line(tmp_path):
    path = tmp_path / "latin.toml"
    path.write_bytes("# Größe\nbatch_size = 8\n".encode("latin-1"))
    with pytest.raises(ConfigError, match=r"latin\.toml: not readable as TOML \('utf-8'"):
        load_config(path)


@pytest.mark.parametrize(
    ("text", "said"), [("{", "not readable as JSON"), ("[1]", "must be one object")]
)
def test_a_broken_deepspeed_file_is_one_line(tmp_path, text, said):
    pytest.importorskip("torch", reason="training needs torch")
    from langgraph_deepsearch.training.arguments import argument_values

    path = tmp_path / "zero.json"
    path.write_text(text)
    config = SftConfig(deepspeed=str(path))
    with pytest.raises(ConfigError, match=rf"zero\.json: {said}"):
        argument_values(config, 8, 100.0, tmp_path)


def test_an_absent_file_names_the_shipped_ones(tmp_path):
    with pytest.raises(ConfigError, match="or one of: dpo_paper, "):
        load_config(tmp_path / "absent.json")
