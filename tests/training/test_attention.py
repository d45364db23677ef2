import inspect
import warnings
from types import SimpleNamespace

import pytest

torch = pytest.importorskip("torch", reason="training needs torch")
from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from torch.nn.attention import varlen  # noqa: E402
from torch.nn.functional import scaled_dot_product_attention  # noqa: E402

from langgraph_deepsearch.training import attention  # noqa: E402
from langgraph_deepsearch.training.attention import (  # noqa: E402
    BLOCK,
    AttentionError,
    check_attention,
    varlen_attention,
)


def each_alone(query, key, value, lengths, scale=None):
    starts = [sum(lengths[:n]) for n in range(len(lengths))]
    parts = [
        scaled_dot_product_attention(
            query[:, :, start : start + length],
            key[:, :, start : start + length],
            value[:, :, start : start + length],
            is_causal=True,
            scale=scale,
            enable_gqa=True,
        )
        for start, length in zip(starts, lengths, strict=True)
    ]
    return torch.cat(parts, dim=2).transpose(1, 2)


@settings(max_examples=25, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 2 * BLOCK + 3), min_size=1, max_size=4),
    groups=st.sampled_from([1, 2]),
    shared=st.sampled_from([1, 3]),
    kept=st.sampled_from([0, BLOCK, attention.KEPT_TOKENS]),
)
def test_outputs_and_gradients_are_those_of_each_sequence_alone(
    lengths, groups, shared, kept
):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(attention, "KEPT_TOKENS", kept)
        check_each_sequence_alone(lengths, groups, shared)


def check_each_sequence_alone(lengths, groups, shared):
    torch.manual_seed(sum(lengths))
    tokens = sum(lengths)
    heads = (groups * shared, groups, groups)
    inputs = [torch.randn(1, n, tokens, 8, requires_grad=True) for n in heads]
    bounds = torch.tensor([0, *lengths]).cumsum(0, dtype=torch.int32)
    weights = torch.randn(1, tokens, heads[0], 8)

    ours, _ = varlen_attention(torch.nn.Module(), *inputs, None, cu_seq_lens_q=bounds)
    expected = each_alone(*inputs, lengths)

    torch.testing.assert_close(ours, expected, atol=1e-5, rtol=1e-5)
    mine = torch.autograd.grad((ours * weights).sum(), inputs)
    theirs = torch.autograd.grad((expected * weights).sum(), inputs)
    for got, wanted in zip(mine, theirs, strict=True):
        torch.testing.assert_close(got, wanted, atol=1e-4, rtol=1e-4)


def test_queries_in_float32_beside_values_in_bfloat16_are_taken_under_autocast():
    query, key = torch.randn(1, 4, 9, 8), torch.randn(1, 2, 9, 8)
    value = torch.randn(1, 2, 9, 8).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        out, _ = varlen_attention(torch.nn.Module(), query, key, value, None)
    exact = each_alone(query, key, value.float(), [9])
    assert out.dtype == torch.bfloat16
    torch.testing.assert_close(out.float(), exact, atol=0.05, rtol=0.05)


def test_dropout_drops(monkeypatch):
    monkeypatch.setattr(attention, "BLOCK", 4)
    inputs = [torch.randn(1, 2, 9, 8) for _ in range(3)]
    plain, _ = varlen_attention(torch.nn.Module(), *inputs, None)
    dropped, _ = varlen_attention(torch.nn.Module(), *inputs, None, dropout=0.9)
    assert not torch.allclose(plain, dropped)
    assert torch.isfinite(dropped).all()


def test_a_mask_or_other_scores_are_refused():
    inputs = [torch.randn(1, 2, 3, 8) for _ in range(3)]
    with pytest.raises(NotImplementedError, match="mask"):
        varlen_attention(torch.nn.Module(), *inputs, torch.zeros(1))
    with pytest.raises(AttentionError, match="softcap"):
        varlen_attention(torch.nn.Module(), *inputs, None, softcap=30.0)


def test_a_window_is_refused_where_a_sequence_does_not_fit_it():
    inputs = [torch.randn(1, 2, 9, 8) for _ in range(3)]
    with pytest.raises(AttentionError, match="set max_length to 8 or less"):
        varlen_attention(torch.nn.Module(), *inputs, None, sliding_window=8)
    plain, _ = varlen_attention(torch.nn.Module(), *inputs, None)
    wide, _ = varlen_attention(torch.nn.Module(), *inputs, None, sliding_window=9)
    assert torch.equal(plain, wide)


def model_of(config, **marks):
    return SimpleNamespace(config=config, **marks)


def test_a_models_window_is_told_by_its_configuration():
    from transformers import MistralConfig, Qwen2Config

    check_attention(model_of(MistralConfig(sliding_window=8)), 8)
    with pytest.raises(AttentionError, match="window of 8 tokens"):
        check_attention(model_of(MistralConfig(sliding_window=8)), 9)
    check_attention(model_of(MistralConfig(sliding_window=None)), 9)
    check_attention(model_of(Qwen2Config(sliding_window=8, use_sliding_window=False)), 9)
    narrow = Qwen2Config(
        sliding_window=8, use_sliding_window=True, max_window_layers=1, num_hidden_layers=2
    )
    with pytest.raises(AttentionError, match="the longest has 9"):
        check_attention(model_of(narrow), 9)


def test_models_that_would_leak_between_samples_are_refused():
    from transformers import AutoModelForCausalLM, FalconH1Config, Lfm2Config

    sizes = {"vocab_size": 32, "hidden_size": 16, "num_hidden_layers": 2}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 1, "intermediate_size": 16}
    mamba = {"mamba_d_ssm": 16, "mamba_n_heads": 2, "mamba_d_head": 8}
    configs = {
        "conv": Lfm2Config(**sizes, **heads, layer_types=["conv", "full_attention"]),
        "hybrid": FalconH1Config(**sizes, **heads, **mamba),
    }
    for kind, config in configs.items():
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(config)
        with pytest.raises(AttentionError, match=f"mixes tokens by {kind}.* leak"):
            check_attention(model, 9)


def test_a_model_that_caps_its_scores_is_refused_before_it_trains():
    from transformers import Gemma2Config

    with pytest.raises(AttentionError, match="softcap"):
        check_attention(model_of(Gemma2Config(attn_logit_softcapping=50.0)), 9)


def test_a_model_with_a_window_trains_on_what_fits_it():
    from transformers import MistralConfig, MistralForCausalLM

    config = MistralConfig(
        vocab_size=32,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
        sliding_window=8,
    )
    model = MistralForCausalLM(config)
    plain = model(torch.arange(8)[None]).logits
    model.set_attn_implementation(attention.ATTENTION_NAME)
    ours = model(torch.arange(8)[None]).logits
    torch.testing.assert_close(ours, plain, atol=1e-5, rtol=1e-5)
    with pytest.raises(AttentionError):
        model(torch.arange(9)[None])


def kernel_of_each_alone(called):
    """Stand in for torch's kernel: its signature, and plain attention sequence by sequence."""
    signature = inspect.signature(varlen.varlen_attn)

    def kernel(*arguments, **named):
        given = signature.bind(*arguments, **named).arguments
        called.append(given)
        lengths = given["cu_seq_q"].diff().tolist()
        query, key, value = (
            given[name].transpose(0, 1)[None] for name in ("query", "key", "value")
        )
        return each_alone(query, key, value, lengths, scale=given["scale"])[0]

    return kernel


@pytest.mark.parametrize("scaling", [None, 0.3])
def test_the_gpus_kernel_is_given_what_the_blocks_compute(monkeypatch, scaling):
    called = []
    monkeypatch.setattr(attention, "_fits_kernel", lambda value: True)
    monkeypatch.setattr(attention, "_cuda_kernel", lambda: kernel_of_each_alone(called))
    torch.manual_seed(0)
    lengths, heads = [5, 1, 9], (4, 2, 2)
    inputs = [torch.randn(1, n, sum(lengths), 8, requires_grad=True) for n in heads]
    bounds = torch.tensor([0, *lengths]).cumsum(0, dtype=torch.int32)

    def attend():
        mixed, _ = varlen_attention(
            torch.nn.Module(), *inputs, None, scaling=scaling, cu_seq_lens_q=bounds
        )
        return mixed, torch.autograd.grad(mixed.square().sum(), inputs)

    on_gpu, its_gradients = attend()
    (given,) = called
    assert given["query"].shape == (15, 4, 8)
    assert given["query"].is_contiguous()
    assert (given["max_q"], given["max_k"]) == (9, 9)
    assert given["window_size"] == (-1, 0)  # causal
    assert given["enable_gqa"]
    assert given["cu_seq_q"] is given["cu_seq_k"] is bounds
    monkeypatch.undo()
    in_blocks, gradients = attend()
    torch.testing.assert_close(on_gpu, in_blocks, atol=1e-5, rtol=1e-5)
    for mine, wanted in zip(its_gradients, gradients, strict=True):
        torch.testing.assert_close(mine, wanted, atol=1e-4, rtol=1e-4)
    assert len(called) == 1


def test_the_kernel_is_not_asked_for_what_it_cannot_do(monkeypatch):
    monkeypatch.setattr(attention, "_cuda_kernel", pytest.fail)
    inputs = [torch.randn(1, 2, 9, 8) for _ in range(3)]
    bounds = torch.tensor([0, 4, 9], dtype=torch.int32)
    layer = torch.nn.Module()
    apart, _ = varlen_attention(layer, *inputs, None, cu_seq_lens_q=bounds)  # float32, CPU
    monkeypatch.setattr(attention, "_fits_kernel", lambda value: True)
    whole, _ = varlen_attention(layer, *inputs, None)
    plain = [
        torch.nn.functional.scaled_dot_product_attention(
            *(t[:, :, part] for t in inputs), is_causal=True
        )
        for part in (slice(0, 4), slice(4, 9), slice(None))
    ]
    torch.testing.assert_close(apart, torch.cat(plain[:2], 2).transpose(1, 2))
    torch.testing.assert_close(whole, plain[2].transpose(1, 2))
    dropped, _ = varlen_attention(layer, *inputs, None, dropout=0.5, cu_seq_lens_q=bounds)
    assert dropped.shape == apart.shape
    assert not torch.equal(dropped, apart)


def test_an_older_torch_attends_in_blocks_and_says_so_once(monkeypatch):
    def varlen_attn(query, key, value, cu_seq_q, cu_seq_k, max_q, max_k, is_causal=False):
        pytest.fail("this kernel cannot do it")

    monkeypatch.setattr(varlen, "varlen_attn", varlen_attn)
    monkeypatch.setattr(attention, "_fits_kernel", lambda value: True)
    attention._cuda_kernel.cache_clear()
    inputs = [torch.randn(1, 2, 9, 8) for _ in range(3)]
    bounds = torch.tensor([0, 4, 9], dtype=torch.int32)
    with pytest.warns(RuntimeWarning, match="install torch 2.12 or newer"):
        first, _ = varlen_attention(torch.nn.Module(), *inputs, None, cu_seq_lens_q=bounds)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mixed, _ = varlen_attention(torch.nn.Module(), *inputs, None, cu_seq_lens_q=bounds)
    attention._cuda_kernel.cache_clear()
    assert torch.equal(first, mixed)
    torch.testing.assert_close(mixed, each_alone(*inputs, [4, 5]), atol=1e-5, rtol=1e-5)
