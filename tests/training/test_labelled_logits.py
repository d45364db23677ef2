from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="training needs torch")
from torch.nn.functional import cross_entropy  # noqa: E402

from langgraph_deepsearch.training.labelled_logits import ROWS, label_logps, label_loss  # noqa: E402


@pytest.mark.parametrize("labels", [1, ROWS, 2 * ROWS + 3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_loss_and_gradient_are_those_of_cross_entropy(labels, dtype):
    generator = torch.Generator().manual_seed(labels)
    values = 5 * torch.randn(labels, 97, generator=generator)
    logits = values.to(dtype).requires_grad_()
    exact = values.to(dtype).float().requires_grad_()
    targets = torch.randint(0, 97, (labels,), generator=generator)
    loss = label_loss(logits, targets)
    expected = cross_entropy(exact, targets, reduction="sum")
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    (loss / 7).backward()
    (expected / 7).backward()
    assert logits.grad.dtype == dtype
    near = 1e-6 if dtype == torch.float32 else 1e-3
    torch.testing.assert_close(logits.grad.float(), exact.grad, atol=near, rtol=1e-2)


@pytest.mark.parametrize("temperature", [0.7, 1.0, 1.3])
def test_log_probabilities_are_those_of_the_divided_logits_in_float32(temperature):
    generator = torch.Generator().manual_seed(3)
    hidden = torch.randn(70, 8, generator=generator).bfloat16().requires_grad_()
    head = (3 * torch.randn(8, 97, generator=generator)).bfloat16()
    targets = torch.randint(0, 97, (70,), generator=generator)
    weights = torch.linspace(-1, 2, 70)
    logits = hidden @ head
    found = label_logps(logits, targets, temperature)
    exact = logits.detach().float().requires_grad_()
    scaled = (exact / temperature).log_softmax(-1)
    expected = scaled.gather(1, targets[:, None])[:, 0]
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    (found * weights).sum().backward()
    (expected * weights).sum().backward()
    torch.testing.assert_close(
        hidden.grad.float(), exact.grad @ head.float().T, atol=5e-2, rtol=2e-2
    )


def test_the_gradient_takes_the_memory_of_logits_that_were_computed():
    hidden = torch.randn(5, 8, requires_grad=True)
    logits = hidden @ torch.randn(8, 97)
    found = label_logps(logits, torch.zeros(5, dtype=torch.long)).sum()
    found.backward(retain_graph=True)
    assert logits.sum(1).abs().max() < 1e-5  # share less one: a gradient, and no logits
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        found.backward()
    kept = torch.randn(5, 97, requires_grad=True)
    before = kept.detach().clone()
    label_loss(kept, torch.zeros(5, dtype=torch.long)).backward()
    assert torch.equal(kept.detach(), before)


def test_no_label_is_no_loss():
    logits = torch.zeros(0, 5, requires_grad=True)
    loss = label_loss(logits, torch.zeros(0, dtype=torch.long))
    loss.backward()
    assert loss.item() == 0
    assert logits.grad.shape == (0, 5)
