"""Attention over sequences laid end to end, without padding and without leaks.

Sequence boundaries come as cumulative lengths, the form flash attention takes them in.
On CPU each sequence is attended alone in blocks of plain products, which costs no work
between sequences and little above the diagonal, and keeps nothing that grows with the
square of the length; on CUDA torch's variable-length kernel (2.12 or newer) does it in one
call, and an older torch works in the same blocks.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from itertools import pairwise
from typing import Any

import torch
from transformers import AttentionInterface

from ..errors import DeepSearchError

ATTENTION_NAME = "deepsearch_varlen"
"""Name under which transformers' models find this attention."""

BLOCK = 160
"""Queries of one product. On two cores, 620 tokens, 9 heads of 64 over 3 key heads, bfloat16:
3.4 ms forward and 5.3 backward, against 5.4 and 16.6 of torch's fused CPU kernel."""

OTHER_ARITHMETIC = ("softcap", "s_aux")
"""What some models change the scores by (Gemma 2's cap, GPT-OSS's sinks), as transformers
names it."""


_CHANGED = (
    "the model changes attention scores ({}), which training on samples laid end to end does "
    "not compute; train another model"
)


class AttentionError(DeepSearchError):
    """A model attends in a way that this attention does not compute."""


ATTENDING = frozenset({"full_attention", "sliding_attention"})
"""Kinds of layers that are computed here, as transformers names them."""


def check_attention(model: Any, longest: int) -> None:
    """Refuse a model that would not keep samples apart, or that attends in another way.

    Args:
        model: transformers' model.
        longest: tokens of the longest sequence; 0 where nothing bounds it.

    Raises:
        AttentionError: it would, or its sliding window is narrower than the longest
            sequence; the message says to what length samples can be bounded.
    """
    text = model.config.get_text_config()
    kinds = set(getattr(text, "layer_types", None) or ())
    # Convolutions and state spaces run on from one sample into the next.
    if getattr(model, "_is_stateful", False) or kinds - ATTENDING:
        others = ", ".join(sorted(kinds - ATTENDING)) or "a state"
        msg = (
            f"the model mixes tokens by {others}, which would leak between samples laid end "
            "to end; train a model that does so by attention alone"
        )
        raise AttentionError(msg)
    if getattr(text, "attn_logit_softcapping", None):
        raise AttentionError(_CHANGED.format("softcap"))
    if not kinds or "sliding_attention" in kinds:
        _check_window(getattr(text, "sliding_window", None), longest)


def _check_window(window: int | None, longest: int) -> None:
    if window is not None and longest > window:
        msg = (
            f"the model attends within a window of {window} tokens, which training on "
            f"samples laid end to end does not compute, and the longest has {longest}; set "
            f"max_length to {window} or less, or train another model"
        )
        raise AttentionError(msg)


def varlen_attention(
    module: torch.nn.Module,  # noqa: ARG001 - the interface's signature
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    cu_seq_lens_q: torch.Tensor | None = None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """Attend causally inside each sequence.

    Args:
        module: the attention layer; not read.
        query: [batch, heads, tokens, head size].
        key: [batch, key heads, tokens, head size].
        value: as `key`.
        attention_mask: must be None; boundaries say all there is to say.
        dropout: probability in training.
        scaling: factor of the scores.
        cu_seq_lens_q: [sequences + 1] first token of each sequence and the end; None:
            each row of the batch is one sequence.
        kwargs: what else models pass. A sliding window has no effect on sequences that
            fit it; `max_length_q` is the longest's tokens.

    Returns:
        [batch, tokens, heads, head size], and no weights.

    Raises:
        AttentionError: a sequence does not fit the window, or the scores are changed.
    """
    if attention_mask is not None:
        msg = "sequences laid end to end take no mask"
        raise NotImplementedError(msg)
    _check_window(
        kwargs.get("sliding_window"), kwargs.get("max_length_q") or query.shape[2]
    )
    changed = [name for name in OTHER_ARITHMETIC if kwargs.get(name) is not None]
    if changed:
        raise AttentionError(_CHANGED.format(changed[0]))
    # Under autocast the rotated queries and keys come in float32, the values do not.
    if cu_seq_lens_q is not None and not dropout and _fits_kernel(value):
        kernel = _cuda_kernel()
        if kernel is not None:
            return _cuda(kernel, query, key, value, cu_seq_lens_q, scaling), None
    bounds = [0, query.shape[2]] if cu_seq_lens_q is None else cu_seq_lens_q.tolist()
    factor = query.shape[-1] ** -0.5 if scaling is None else scaling
    with torch.autocast(query.device.type, enabled=False):
        rows, keys = (query[0] * factor).to(value.dtype), key[0].to(value.dtype)
        if dropout:
            return _dropped(rows, keys, value[0], bounds, dropout)[None], None
        mixed = _BlockAttention.apply(rows, keys, value[0], bounds)
    assert isinstance(mixed, torch.Tensor)
    return mixed[None], None


KEPT_TOKENS = 1024
"""Most keys of a block whose weights are kept for the gradient; others are made again. In
bfloat16 and 30 layers of 9 heads, 600 tokens keep 100 MB, 3,000 would keep 2.4 GB; making
them again costs 4.7 ms a layer at 600 tokens."""

Block = tuple[int, int, int]
"""First token of a sequence, and first and end of a block of queries in it."""


def _blocks(bounds: list[int]) -> Iterator[Block]:
    for first, last in pairwise(bounds):
        for start in range(first, last, BLOCK):
            yield first, start, min(last, start + BLOCK)


def _weights(query: torch.Tensor, key: torch.Tensor, block: Block) -> torch.Tensor:
    """Return a block's attention weights.

    A block is multiplied with its sequence's keys up to its own end alone, and the query
    heads that share a key head are one product.

    Args:
        query: [heads, tokens, head size], scaled.
        key: [key heads, tokens, head size].
        block: which queries.

    Returns:
        [key heads, queries of all heads that share one, keys].
    """
    first, start, end = block
    groups, _, size = key.shape
    rows = query[:, start:end].reshape(groups, -1, size)
    scores = torch.bmm(rows, key[:, first:end].transpose(1, 2))
    by_head = scores.view(len(query), end - start, end - first)
    future = torch.ones(end - start, end - start, dtype=torch.bool, device=query.device)
    by_head[:, :, start - first :].masked_fill_(future.triu_(1), float("-inf"))
    return scores.softmax(-1)


class _BlockAttention(torch.autograd.Function):
    """Causal attention block by block; weights far into a sequence are made again.

    All kept, they grow with the square of the length. Gradients of keys and values add up
    in float32, in place; left to autograd each block would give a tensor of the whole
    sequence.
    """

    @staticmethod
    def forward(
        ctx: Any,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        bounds: list[int],
    ) -> torch.Tensor:
        heads, tokens, size = query.shape
        mixed = query.new_empty(tokens, heads, size)
        kept = []
        for block in _blocks(bounds):
            first, start, end = block
            weights = _weights(query, key, block)
            out = torch.bmm(weights, value[:, first:end])
            mixed[start:end] = out.view(heads, end - start, size).transpose(0, 1)
            if end - first <= KEPT_TOKENS:
                kept.append(weights)
        ctx.save_for_backward(query, key, value, *kept)
        ctx.bounds = bounds
        return mixed

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        query, key, value, *kept = ctx.saved_tensors
        kept.reverse()
        (outer,) = gradients
        (heads, _, size), groups = query.shape, len(key)
        of_query = torch.empty_like(query)
        of_key = torch.zeros_like(key, dtype=torch.float32)
        of_value = torch.zeros_like(value, dtype=torch.float32)
        for block in _blocks(ctx.bounds):
            first, start, end = block
            seen = slice(first, end)
            again = end - first > KEPT_TOKENS
            weights = _weights(query, key, block) if again else kept.pop()
            rows = query[:, start:end].reshape(groups, -1, size)
            above = outer[start:end].transpose(0, 1).reshape(groups, -1, size)
            of_value[:, seen] += torch.bmm(weights.transpose(1, 2), above)
            of_weights = torch.bmm(above, value[:, seen].transpose(1, 2))
            of_scores = torch.ops.aten._softmax_backward_data(
                of_weights, weights, -1, weights.dtype
            )
            of_rows = torch.bmm(of_scores, key[:, seen])
            of_query[:, start:end] = of_rows.view(heads, end - start, size)
            of_key[:, seen] += torch.bmm(of_scores.transpose(1, 2), rows)
        return of_query, of_key.to(key.dtype), of_value.to(value.dtype), None


def _dropped(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    bounds: list[int],
    dropout: float,
) -> torch.Tensor:
    """Attend with dropped weights; these must be kept for the gradient."""
    heads, _, size = query.shape
    parts = []
    for block in _blocks(bounds):
        first, start, end = block
        weights = torch.dropout(_weights(query, key, block), dropout, train=True)
        out = torch.bmm(weights, value[:, first:end])
        parts.append(out.view(heads, end - start, size).transpose(0, 1))
    return torch.cat(parts)


KERNEL_ARGUMENTS = frozenset({"scale", "window_size", "enable_gqa"})
"""What the kernel must take; torch has all of them from 2.12 on."""


def _fits_kernel(value: torch.Tensor) -> bool:
    return value.is_cuda and value.dtype in (torch.bfloat16, torch.float16)


@cache
def _cuda_kernel() -> Callable[..., Any] | None:
    """Return torch's kernel, None with one warning where torch is too old for it."""
    with suppress(ImportError):
        from torch.nn.attention import varlen

        if KERNEL_ARGUMENTS.issubset(inspect.signature(varlen.varlen_attn).parameters):
            return varlen.varlen_attn
    msg = (
        f"torch {torch.__version__} has no fast attention for samples laid end to end, "
        "which takes far longer: install torch 2.12 or newer"
    )
    warnings.warn(msg, RuntimeWarning, stacklevel=2)
    return None


def _cuda(
    kernel: Callable[..., Any],
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    bounds: torch.Tensor,
    scaling: float | None,
) -> torch.Tensor:
    longest = int(bounds.diff().max())
    q, k, v = (
        tensor.transpose(1, 2)[0].to(value.dtype).contiguous()
        for tensor in (query, key, value)
    )
    causal = (-1, 0)
    out = kernel(
        q,
        k,
        v,
        bounds,
        bounds,
        longest,
        longest,
        scale=scaling,
        window_size=causal,
        enable_gqa=query.shape[1] != key.shape[1],
    )
    assert isinstance(out, torch.Tensor)
    return out[None]


AttentionInterface.register(ATTENTION_NAME, varlen_attention)
