"""Attention over sequences laid end to end, without padding and without leaks.

Sequence boundaries come as cumulative lengths, the form flash attention takes them in.
On CPU each sequence is attended alone with torch's causal kernel, which costs no mask
and no work between sequences; on CUDA torch's variable-length kernel does it in one call.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface

ATTENTION_NAME = "deepsearch_varlen"
"""Name under which transformers' models find this attention."""


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
        kwargs: what else models pass. A sliding window is refused.

    Returns:
        [batch, tokens, heads, head size], and no weights.
    """
    if attention_mask is not None or kwargs.get("sliding_window") is not None:
        msg = "sequences laid end to end take neither a mask nor a sliding window"
        raise NotImplementedError(msg)
    if cu_seq_lens_q is None:
        bounds = [0, query.shape[2]]
    elif query.is_cuda and query.dtype in (torch.bfloat16, torch.float16) and not dropout:
        return _cuda(query, key, value, cu_seq_lens_q, scaling), None
    else:
        bounds = cu_seq_lens_q.tolist()
    parts = [
        scaled_dot_product_attention(
            query[:, :, start:end],
            key[:, :, start:end],
            value[:, :, start:end],
            dropout_p=dropout,
            scale=scaling,
            is_causal=True,
            enable_gqa=query.shape[1] != key.shape[1],
        )
        for start, end in pairwise(bounds)
    ]
    joined = parts[0] if len(parts) == 1 else torch.cat(parts, dim=2)
    return joined.transpose(1, 2).contiguous(), None


def _cuda(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    bounds: torch.Tensor,
    scaling: float | None,
) -> torch.Tensor:
    from torch.nn.attention.varlen import varlen_attn

    longest = int(bounds.diff().max())
    q, k, v = (tensor.transpose(1, 2)[0].contiguous() for tensor in (query, key, value))
    causal = (-1, 0)
    out = varlen_attn(
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
