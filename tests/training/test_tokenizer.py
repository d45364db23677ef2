"""A model without a tokenizer: one line, whichever verb was given it."""

from __future__ import annotations

import shutil

import pytest

pytest.importorskip("torch", reason="training needs torch")

from langgraph_deepsearch.training.sft import train_sft
from langgraph_deepsearch.training.tokenizer import TokenizerError, load_tokenizer


@pytest.fixture
def mute_model(tiny_model, tmp_path):
    folder = tmp_path / "mute"
    shutil.copytree(tiny_model, folder, ignore=shutil.ignore_patterns("tokenizer*"))
    return folder


def test_training_without_a_tokenizer_is_refused(mute_model, traces_file, tmp_path):
    with pytest.raises(
        TokenizerError, match=r"mute holds no tokenizer: copy tokenizer\.json"
    ):
        train_sft(traces_file, mute_model, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_damaged_tokenizer_is_told_in_one_line(mute_model):
    (mute_model / "tokenizer_config.json").write_text("{}")
    with pytest.raises(TokenizerError, match="cannot be loaded") as caught:
        load_tokenizer(mute_model)
    assert "\n" not in str(caught.value)
    (mute_model / "tokenizer.json").write_text("{")
    with pytest.raises(TokenizerError, match="cannot be loaded"):
        load_tokenizer(mute_model)


def test_a_tokenizer_is_loaded(tiny_model):
    assert load_tokenizer(tiny_model).encode("Lima")
