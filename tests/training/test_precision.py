"""What weights are kept in, and what a server leaves of a GPU that is shared."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="training needs torch")
pytest.importorskip("peft", reason="LoRA needs peft")

import torch

from langgraph_deepsearch.training import rl
from langgraph_deepsearch.training.config import SftConfig
from langgraph_deepsearch.training.model import load_for_training


@pytest.mark.parametrize(
    ("settings", "frozen", "trained"),
    [
        ({"lora_rank": 4}, torch.bfloat16, torch.float32),
        ({"lora_rank": 4, "dtype": "bfloat16"}, torch.bfloat16, torch.float32),
        ({"lora_rank": 4, "dtype": "float32"}, torch.float32, torch.float32),
        ({"lora_rank": 4, "deepspeed": "zero3"}, torch.bfloat16, torch.bfloat16),
        ({}, None, torch.float32),
        ({"dtype": "bfloat16"}, None, torch.bfloat16),
    ],
)
def test_a_model_under_an_adapter_is_frozen_in_bfloat16(
    tiny_model, settings, frozen, trained
):
    model = load_for_training(tiny_model, SftConfig(**settings))
    kept = {
        needs: {p.dtype for p in model.parameters() if p.requires_grad is needs}
        for needs in (True, False)
    }
    assert kept == {True: {trained}, False: {frozen} - {None}}


def test_a_server_beside_the_trainer_leaves_it_part_of_the_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert rl._server_arguments() == rl.PROCESSED_LOGPROBS
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert rl._server_arguments() == (
        *rl.PROCESSED_LOGPROBS,
        "--gpu-memory-utilization",
        "0.45",
    )
