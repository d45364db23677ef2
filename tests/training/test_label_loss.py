from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="training needs torch")
from torch.nn.functional import cross_entropy  # noqa: E402

from langgraph_deepsearch.training.label_loss import ROWS, label_loss  # noqa: E402


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


def test_no_label_is_no_loss():
    logits = torch.zeros(0, 5, requires_grad=True)
    loss = label_loss(logits, torch.zeros(0, dtype=torch.long))
    loss.backward()
    assert loss.item() == 0
    assert logits.grad.shape == (0, 5)
