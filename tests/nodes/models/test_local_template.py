"""Servers like transformers': no rendering, the tokenizer's files at hand."""

from __future__ import annotations

import pytest
from fake_openai import FakeServer

from langgraph_deepsearch.nodes.models.base import (
    ContextOverflowError,
    Sampling,
    chat_segments,
)
from langgraph_deepsearch.nodes.models.local_template import (
    load_template,
    publish_model_files,
)
from langgraph_deepsearch.nodes.models.resolve import forget_reasoners, resolve_reasoner

TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}[{{ m.role }}] {{ m.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}[assistant] {% endif %}"
)


@pytest.fixture(params=[False, True], ids=["no-bos", "bos"])
def model_folder(tmp_path, request):
    """A word-level tokenizer with a chat template, made here: no download."""
    tokenizers = pytest.importorskip("tokenizers", reason="local templates need tokenizers")
    transformers = pytest.importorskip(
        "transformers", reason="local templates need transformers"
    )
    words = {"<s>": 0, "<unk>": 1, "a": 2}
    inner = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="<unk>"))
    inner.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    if request.param:
        inner.post_processor = tokenizers.processors.TemplateProcessing(
            single="<s> $A", special_tokens=[("<s>", 0)]
        )
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=inner, bos_token="<s>", unk_token="<unk>", chat_template=TEMPLATE
    )
    folder = tmp_path / "model"
    tokenizer.save_pretrained(folder)
    transformers.LlamaConfig(max_position_embeddings=40, vocab_size=3).save_pretrained(
        folder
    )
    return folder, request.param


def test_prompt_is_rendered_here_and_continued_there(model_folder, messages, ask):
    folder, adds_bos = model_folder
    with FakeServer(models=[str(folder)]) as server:
        server.no_tokenize = server.ignore_stop = True
        reasoner = resolve_reasoner("", base_url=server.base_url)
        assert (reasoner.exactness, reasoner.context_limit) == ("text", 40)
        server.script(["so <|begin_search_query|>a<|end_search_query|> and", "Lima"])
        segments = chat_segments(messages, None)
        first = reasoner.generate(segments, **ask(sampling=Sampling(top_k=5)))
        assert first.text.endswith("<|end_search_query|>")
        assert first.finish_reason == "action"
        segments.append({"kind": "query", "speaker": "assistant", "text": first.text})
        reasoner.generate(segments, **ask())
        opened, continued = (r["body"] for r in server.generations())
        begin = "" if adds_bos else "<s>"  # the server adds it itself
        assert opened["prompt"] == f"{begin}[user] {messages[0]['content']}\n[assistant] "
        assert continued["prompt"] == opened["prompt"] + first.text
        assert opened["max_tokens"] < 40
        assert "top_k" not in opened
        long = {"kind": "result", "speaker": "tool", "text": " word" * 40}
        with pytest.raises(ContextOverflowError) as error:
            reasoner.generate([*segments, long], **ask())
        assert error.value.limit == 40
    forget_reasoners()


def test_published_folder_is_found_under_the_served_name(
    model_folder, tmp_path, monkeypatch
):
    folder, _ = model_folder
    monkeypatch.setenv("DEEPSEARCH_CACHE_DIR", str(tmp_path / "cache"))
    with FakeServer(models=["org/desk"]) as server:
        server.no_tokenize = True
        assert resolve_reasoner("", base_url=server.base_url).exactness == "message"
        forget_reasoners()
        link = publish_model_files(server.base_url, "org/desk", folder)
        assert resolve_reasoner("", base_url=server.base_url).exactness == "text"
        forget_reasoners()
        link.unlink()
        assert resolve_reasoner("", base_url=server.base_url).exactness == "message"
    forget_reasoners()


def test_model_without_files_has_no_template(tmp_path):
    assert load_template("gpt-none") is None
    assert load_template("not a/valid/name") is None
    assert load_template(str(tmp_path)) is None
