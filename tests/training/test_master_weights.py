"""AdamW over float32 copies: exact steps, exact resume, and only where it may serve."""

import copy

import pytest
import torch

from langgraph_deepsearch.training.config import SftConfig
from langgraph_deepsearch.training.master_weights import MasterAdamW, keeps_copies

SETTINGS = {"lr": 1e-3, "betas": (0.8, 0.95), "weight_decay": 0.1}


def weights() -> list[torch.nn.Parameter]:
    generator = torch.Generator().manual_seed(1)
    shapes = ((7, 5), (5,))
    return [
        torch.nn.Parameter(torch.randn(shape, generator=generator).bfloat16())
        for shape in shapes
    ]


def give_gradients(parameters: list[torch.nn.Parameter], seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for parameter in parameters:
        gradient = torch.randn(parameter.shape, generator=generator).bfloat16()
        parameter.grad = gradient.to(parameter.dtype)


def test_steps_are_those_of_adamw_in_float32():
    ours = weights()
    exact = [torch.nn.Parameter(weight.detach().float()) for weight in ours]
    optimizer, reference = (
        MasterAdamW(ours, **SETTINGS),
        torch.optim.AdamW(exact, **SETTINGS),
    )
    for step in range(20):
        give_gradients(ours, step)
        give_gradients(exact, step)
        optimizer.step()
        reference.step()
    for weight, wanted in zip(ours, exact, strict=True):
        assert weight.dtype == torch.bfloat16
        assert torch.equal(weight, wanted.bfloat16())


def test_steps_too_small_for_bfloat16_add_up():
    (weight,) = [torch.nn.Parameter(torch.ones(3, dtype=torch.bfloat16))]
    plain = torch.nn.Parameter(weight.detach().clone())
    kept = MasterAdamW([weight], lr=1e-4, weight_decay=0.0)
    lost = torch.optim.AdamW([plain], lr=1e-4, weight_decay=0.0)
    for _ in range(200):
        weight.grad, plain.grad = torch.ones_like(weight), torch.ones_like(plain)
        kept.step()
        lost.step()
    assert torch.equal(plain, torch.ones_like(plain))
    assert weight.detach().float().mean().item() == pytest.approx(0.98, abs=0.004)


def test_a_schedule_sets_the_rate():
    (weight,) = [torch.nn.Parameter(torch.ones(2, dtype=torch.bfloat16))]
    optimizer = MasterAdamW([weight], lr=0.5, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.0)
    weight.grad = torch.ones_like(weight)
    optimizer.step()
    schedule.step()
    assert torch.equal(weight, torch.ones_like(weight))


def test_a_resumed_run_ends_where_an_unbroken_one_does():
    unbroken = weights()
    optimizer = MasterAdamW(unbroken, **SETTINGS)
    for step in range(4):
        give_gradients(unbroken, step)
        optimizer.step()
    saved = copy.deepcopy(optimizer.state_dict())
    resumed = [torch.nn.Parameter(torch.zeros_like(weight)) for weight in unbroken]
    later = MasterAdamW(resumed, **{**SETTINGS, "lr": 9.0})
    later.load_state_dict(saved)
    assert [group["lr"] for group in later.param_groups] == [SETTINGS["lr"]]
    for step in range(4, 8):
        for parameters, one in ((unbroken, optimizer), (resumed, later)):
            give_gradients(parameters, step)
            one.step()
    for weight, wanted in zip(resumed, unbroken, strict=True):
        assert torch.equal(weight, wanted)


@pytest.mark.parametrize(
    ("settings", "passes", "kept"),
    [
        ({}, 1, True),
        ({}, 2, False),
        ({"dtype": "float32"}, 1, False),
        ({"dtype": "bfloat16"}, 1, False),
        ({"lora_rank": 4}, 1, False),
        ({"deepspeed": "zero3"}, 1, False),
    ],
)
def test_copies_are_kept_where_gradients_are_whole(settings, passes, kept):
    assert keeps_copies(SftConfig(**{"dtype": "mixed", **settings}), passes) is kept


def test_several_processes_leave_it_to_the_library(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert not keeps_copies(SftConfig(dtype="mixed"), 1)
