"""The BM25 index of a corpus, kept on disk between runs if wanted."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any

from ..errors import DeepSearchError, MissingDependencyError
from .stemming import TERMS_VERSION, terms

BM25_K1 = 0.9
BM25_B = 0.4
"""Anserini's and Pyserini's defaults, also those of Search-R1's BM25 retriever."""

TITLE_WEIGHT = 2
"""Times a title is indexed: multi-hop questions mostly ask for titled entities."""

INDEX_SETTINGS = {
    "terms": TERMS_VERSION,
    "k1": BM25_K1,
    "b": BM25_B,
    "title_weight": TITLE_WEIGHT,
}
"""Everything but the corpus that decides what a query finds."""


class IndexFileError(DeepSearchError):
    """A kept index cannot be read."""


class Bm25:
    """Ranks texts for a query with bm25s and numpy; read-only once built.

    Args:
        texts: (title, text) pairs.
        content_hash: names the texts; another hash is another index.
        cache_dir: folder that keeps indexes; none: built each time.

    Raises:
        IndexFileError: a kept index is damaged.
        MissingDependencyError: bm25s is not installed.
    """

    def __init__(
        self,
        texts: Iterable[tuple[str, str]],
        *,
        content_hash: str = "",
        cache_dir: str | os.PathLike[str] | None = None,
    ) -> None:
        bm25s = _bm25s()
        self._stopwords = _stopwords()
        if cache_dir is None:
            self._index = _build(bm25s, texts)
            return
        recipe = f"{content_hash} {INDEX_SETTINGS} {bm25s.__version__}"
        folder = Path(cache_dir) / f"bm25-{sha256(recipe.encode()).hexdigest()[:24]}"
        if not folder.is_dir():
            _store(_build(bm25s, texts), folder)
        self._index = _load(bm25s, folder)

    def best(self, query: str, k: int) -> list[tuple[int, float]]:
        """Return at most `k` (position, score) pairs, best first, scores above 0.

        Stop words count only in a query that has nothing else ("The The").
        """
        words = terms(query)
        content = [word for word in words if word not in self._stopwords]
        ids = self._index.get_tokens_ids(content or words)
        if not ids or k < 1:
            return []
        import numpy as np

        scores = self._index.get_scores_from_ids(ids)
        count = min(k, len(scores))
        top = np.argpartition(scores, -count)[-count:]
        order = top[np.lexsort((top, -scores[top]))]
        return [(int(place), float(scores[place])) for place in order if scores[place] > 0]


def _bm25s() -> Any:
    try:
        import bm25s
    except ImportError as error:
        package = "bm25s"
        raise MissingDependencyError(package, "local") from error
    return bm25s


def _stopwords() -> frozenset[str]:
    from bm25s.stopwords import STOPWORDS_EN_PLUS

    return frozenset(term for word in STOPWORDS_EN_PLUS for term in terms(word))


def _build(bm25s: Any, texts: Iterable[tuple[str, str]]) -> Any:
    vocabulary = {"": 0}
    rows = []
    for title, text in texts:
        words = terms(f"{title} " * TITLE_WEIGHT + text)
        # An empty row would have no terms to count; the empty term is never asked for.
        rows.append([vocabulary.setdefault(w, len(vocabulary)) for w in words] or [0])
    index = bm25s.BM25(k1=BM25_K1, b=BM25_B, method="lucene", backend="numpy")
    # Ids, as bm25s would else look every term up twice more.
    index.index((rows, vocabulary), show_progress=False)
    return index


def _store(index: Any, folder: Path) -> None:
    """Save an index so that other processes see all of it or nothing."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        index.save(partial, show_progress=False)
        partial.rename(folder)
    except OSError:
        if not folder.is_dir():  # else another process was first, with the same index
            raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _load(bm25s: Any, folder: Path) -> Any:
    try:
        return bm25s.BM25.load(folder, mmap=True, show_progress=False)
    except (OSError, ValueError, KeyError) as error:
        msg = f"{folder} is not a usable index ({error}); delete that folder and run again"
        raise IndexFileError(msg) from error
