"""How alike sentences are: by a sentence model where one is installed, else by words."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Protocol

from ..errors import MissingDependencyError
from ..tools.dense import BATCH, load_encoder, packaged_model
from .tfidf import tfidf_similarity

SPECIAL_TOKENS = 2
"""Tokens that a sentence model's tokenizer puts around a text."""

MOST_KEPT = 20_000
"""Sentences whose vectors are kept: references come again with every run."""


class Similarity(Protocol):
    """Compares sentences."""

    name: str
    """What figures say they were measured with."""

    def __call__(self, left: Sequence[str], right: Sequence[str]) -> list[list[float]]:
        """Return the matrix of similarities [left, right]: 1 for the same, 0 for unlike."""
        ...

    def length(self, text: str) -> int:
        """Return the text's length in tokens, special ones included."""
        ...


class WordSimilarity:
    """Cosine of TF-IDF vectors: shared words alone; stands in where there is no model.

    Sentences that say the same in other words are unlike to it, so figures measured with
    it are lower bounds and cannot be compared with published ones.
    """

    name = "tfidf"

    def __call__(self, left: Sequence[str], right: Sequence[str]) -> list[list[float]]:
        return tfidf_similarity(left, right)

    def length(self, text: str) -> int:
        """Return the words and the special tokens."""
        return len(text.split()) + SPECIAL_TOKENS


class SentenceSimilarity:
    """Cosine of a sentence model's vectors, from -1 to 1.

    Args:
        model: folder or hub name; empty for the packaged all-MiniLM-L6-v2, which is
            O2-Searcher's.

    Raises:
        DenseModelError: the model cannot be loaded.
        MissingDependencyError: sentence-transformers or the packaged model is missing.
    """

    def __init__(self, model: str = "") -> None:
        self.name = model or "all-MiniLM-L6-v2"
        self._encoder = load_encoder(model or packaged_model())
        self._lock = threading.Lock()
        self._known: dict[str, Any] = {}

    def __call__(self, left: Sequence[str], right: Sequence[str]) -> list[list[float]]:
        if not left or not right:
            return [[] for _ in left]
        with self._lock:  # tokenizers are not safe to use from several threads
            vectors = self._encode([*left, *right])
        return [[float(vectors[one] @ vectors[other]) for other in right] for one in left]

    def length(self, text: str) -> int:
        """Return the tokens of the model's own tokenizer."""
        with self._lock:
            return len(self._encoder.tokenizer(text)["input_ids"])

    def _encode(self, texts: Sequence[str]) -> dict[str, Any]:
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        if len(self._known) + len(new) > MOST_KEPT:
            self._known.clear()
            new = list(dict.fromkeys(texts))
        if new:
            encoded = self._encoder.encode(
                new,
                batch_size=BATCH,
                normalize_embeddings=True,
                convert_to_numpy=True,
                show_progress_bar=False,
            )
            self._known.update(zip(new, encoded, strict=True))
        return {text: self._known[text] for text in texts}


@lru_cache(maxsize=1)
def default_similarity() -> Similarity:
    """Return the packaged sentence model, or word similarity where it is not installed."""
    try:
        return SentenceSimilarity()
    except MissingDependencyError:
        return WordSimilarity()
