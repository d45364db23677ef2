from __future__ import annotations

import copy
from types import MethodType

import pytest

pytest.importorskip("torch", reason="training needs torch")
pytest.importorskip("trl", reason="needs trl: pip install 'langgraph-deepsearch[train]'")

import torch
from transformers import AutoModelForCausalLM
from trl.trainer.utils import add_fused_lm_head

from langgraph_deepsearch.training.config import TrainingConfig
from langgraph_deepsearch.training.model import load_weights
from langgraph_deepsearch.training.packed_forward import add_packed_forward
from langgraph_deepsearch.training.rows import IGNORED

FIGURES = ("log_probs", "entropy", "mean_logits", "is_top1")


def padded():
    """Rows with padding on both sides, labels in pieces, and one without a label."""
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(5, 1000, (4, 12), generator=generator)
    seen = torch.ones_like(ids)
    seen[0, :3] = seen[1, 9:] = seen[2, :1] = seen[2, 11:] = 0
    labels = ids.masked_fill(seen == 0, IGNORED)
    labels[:, :5] = labels[0, 7:9] = labels[3] = IGNORED
    return {"input_ids": ids, "attention_mask": seen, "labels": labels}


@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_figures_and_gradients_are_those_of_trls_padded_answer(tiny_model, temperature):
    config = TrainingConfig(dtype="float32")
    packed = load_weights(tiny_model, config)
    plain = AutoModelForCausalLM.from_pretrained(
        tiny_model, dtype=torch.float32, attn_implementation="eager"
    )
    add_packed_forward(packed, temperature)
    add_fused_lm_head(plain, temperature, outputs=FIGURES)
    found = packed(**padded(), fused_lm_head=True)
    expected = plain(**padded(), fused_lm_head=True)
    assert expected.log_probs.abs().max() > 1
    for name in FIGURES:
        torch.testing.assert_close(
            found[name], expected[name], atol=1e-5, rtol=1e-4, msg=name
        )
    weights = torch.linspace(-1, 2, found.log_probs.numel()).view_as(found.log_probs)
    (found.log_probs * weights).sum().backward()
    (expected.log_probs * weights).sum().backward()
    for (name, own), other in zip(
        packed.named_parameters(), plain.parameters(), strict=True
    ):
        torch.testing.assert_close(
            own.grad, other.grad, atol=1e-4, rtol=1e-3, msg=f"gradient of {name}"
        )


def test_a_batch_without_a_label_has_a_gradient_of_nothing(tiny_model):
    model = load_weights(tiny_model, TrainingConfig(dtype="float32"))
    add_packed_forward(model)
    batch = padded()
    batch["labels"] = torch.full_like(batch["labels"], IGNORED)
    found = model(**batch, fused_lm_head=True).log_probs
    assert found.abs().max() == 0
    found.sum().backward()
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    assert all(gradient.abs().max() == 0 for gradient in gradients)


def test_only_figures_that_are_wanted_are_made(tiny_model):
    model = load_weights(tiny_model, TrainingConfig(dtype="float32"))
    add_packed_forward(model, figures=("entropy",))
    usual = model(**padded(), fused_lm_head=True)
    assert usual.entropy is not None
    assert usual.is_top1 is usual.mean_logits is None
    assert model(**padded(), fused_lm_head=True, figures=()).entropy is None


def test_a_copy_answers_with_its_own_weights(tiny_model):
    model = load_weights(tiny_model, TrainingConfig(dtype="float32"))
    add_packed_forward(model)
    other = copy.deepcopy(model)
    with torch.no_grad():
        for weight in other.parameters():
            weight.zero_()
    found, zeroed = (m(**padded(), fused_lm_head=True).log_probs for m in (model, other))
    assert not torch.allclose(found, zeroed)


def test_other_calls_are_answered_as_before(tiny_model):
    model = load_weights(tiny_model, TrainingConfig(dtype="float32"))
    ids = torch.tensor([[5, 6, 7]])
    before = model(input_ids=ids).logits
    add_packed_forward(model)
    assert torch.equal(model(input_ids=ids).logits, before)


def test_the_model_sees_no_padding_and_makes_no_logit_without_a_label(tiny_model):
    model = load_weights(tiny_model, TrainingConfig(dtype="float32"))
    seen = []
    plain = model.forward

    def watched(_, **named):
        outputs = plain(**named)
        seen.append((named["input_ids"].shape, outputs.logits.shape[:2]))
        return outputs

    model.forward = MethodType(watched, model)
    add_packed_forward(model)
    batch = padded()
    model(**batch, fused_lm_head=True)
    tokens = int(batch["attention_mask"].sum())
    labels = int((batch["labels"] != IGNORED).sum())
    assert seen == [((1, tokens), (1, labels))]
