"""A model as training loads it."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="training needs torch")
pytest.importorskip("peft", reason="LoRA needs peft")

from langgraph_deepsearch.training.config import TrainingConfig
from langgraph_deepsearch.training.model import load_for_training
from langgraph_deepsearch.training.model_files import adapter_base, adapter_rank


def test_an_adapter_says_from_anywhere_where_its_base_is(tiny_model, tmp_path, monkeypatch):
    monkeypatch.chdir(tiny_model.parent)
    model = load_for_training(Path(tiny_model.name), TrainingConfig(lora_rank=3))
    model.save_pretrained(tmp_path / "adapter")
    assert Path(adapter_base(tmp_path / "adapter")) == tiny_model
    assert adapter_rank(tmp_path / "adapter") == 3
