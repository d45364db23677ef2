import hashlib
import json
import os
import subprocess
import sys
from random import Random

import pytest

from langgraph_deepsearch.tools.corpus import CorpusSearch
from langgraph_deepsearch.world import build
from langgraph_deepsearch.world.build import build_world
from langgraph_deepsearch.world.facts import make_facts
from langgraph_deepsearch.world.preset import Hazards, WorldError, WorldPreset


def digest(folder):
    found = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            found.update(str(path.relative_to(folder)).encode() + path.read_bytes())
    return found.hexdigest()


def build_in_a_process(folder, hash_seed):
    code = (
        "from langgraph_deepsearch.world.build import build_world;"
        f"build_world({str(folder)!r}, pages=200, seed=3)"
    )
    subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        check=True,
        timeout=120,
    )


def test_a_seed_gives_the_same_bytes_whatever_the_hash_seed(tmp_path):
    for hash_seed in ("0", "4242"):
        build_in_a_process(tmp_path / hash_seed, hash_seed)
    assert digest(tmp_path / "0") == digest(tmp_path / "4242")


def test_another_seed_gives_another_world(tmp_path, monkeypatch):
    monkeypatch.setattr(build, "EXTRACT_LIMIT", 0)
    for seed in (1, 2):
        build_world(tmp_path / str(seed), pages=200, seed=seed)
    one, two = ((tmp_path / s / "corpus.jsonl").read_text() for s in ("1", "2"))
    assert one != two


def test_the_corpus_has_exactly_the_asked_number_of_documents(world):
    assert len(world.corpus) == world.summary.documents == 300
    assert len({d["id"] for d in world.corpus}) == 300
    assert len({d["title"] for d in world.corpus}) == 300
    assert len({d["url"] for d in world.corpus}) == 300
    assert all(d["text"] and d["date"] for d in world.corpus)


def test_text_taken_from_the_paragraphs_equals_text_extracted_from_the_page(
    world, tmp_path, monkeypatch
):
    monkeypatch.setattr(build, "EXTRACT_LIMIT", 0)
    build_world(tmp_path / "direct", preset="tiny", seed=7)
    assert (tmp_path / "direct" / "corpus.jsonl").read_bytes() == (
        world.path / "corpus.jsonl"
    ).read_bytes()


def test_pages_are_html_with_boilerplate_that_the_corpus_does_not_hold(world):
    document = next(d for d in world.corpus if d["id"].startswith("film"))
    html = (world.path / "pages" / "film").glob("*.html")
    page = next(
        p.read_text() for p in html if f"<title>{document['title']}<" in p.read_text()
    )
    for part in ("<nav", 'class="infobox"', "<footer", "See also", "cookies"):
        assert part in page
    assert "cookies" not in document["text"]
    assert "See also" not in document["text"]
    assert "|" not in document["text"]


def test_most_pages_are_short(world):
    lengths = sorted(
        len(d["text"].split()) for d in world.corpus if not d["id"].startswith("huge")
    )
    assert lengths[len(lengths) // 10] >= 55
    assert lengths[len(lengths) * 9 // 10] <= 120


def test_every_hazard_is_there(world):
    assert {kind for kind, count in world.summary.pages.items() if count} == {
        "entity",
        "stale",
        "trap",
        "dead",
        "huge",
    }
    assert world.behaviours["redirects"]
    assert world.behaviours["slow"]
    traps = " ".join(d["text"] for d in world.corpus if d["id"].startswith("trap"))
    for tag in ("<|begin_search_query|>", "</search>", "\\boxed{", "<tool_call>"):
        assert tag in traps
    huge = [d for d in world.corpus if d["id"].startswith("huge")]
    assert all(len(d["text"].split()) >= 20_000 for d in huge)


def test_there_are_namesakes_and_near_duplicate_titles():
    facts = make_facts(1000, Random(1), Hazards())
    labels = [entity.label for entity in facts.entities.values()]
    bare = [label.partition(" (")[0] for label in labels if label.endswith(")")]
    assert len(bare) > len(set(bare)) > 3
    films = {film.name for film in facts.by_type["film"]}
    assert any(f"{film} Returns" in films or f"The {film}" in films for film in films)


def test_stale_pages_are_dated_and_state_something_else_than_the_truth(world):
    stale = [d for d in world.corpus if d["id"].startswith("stale")]
    assert stale
    current = {
        sentence
        for d in world.corpus
        if d["id"] in world.facts
        for sentence in d["text"].replace("\n", " ").split(". ")
    }
    for document in stale:
        assert document["title"].endswith(f"(archived copy of {document['date'][:4]})")
        claim = document["text"].split("had it: ")[1].split(". ")[0]
        assert claim not in current


def test_dead_documents_have_no_page_and_all_others_one(world):
    redirects = world.behaviours["redirects"]
    for document in world.corpus:
        path = document["url"].removeprefix(f"{world.summary.base_url}/")
        path = redirects.get(path, path)
        is_dead = document["id"].startswith("dead")
        assert (world.path / "pages" / path).is_file() is not is_dead
        assert (path in world.behaviours["dead"]) is is_dead


def test_the_corpus_can_be_searched(world):
    assert len(CorpusSearch(world.path)) == 300


def test_splits_are_the_questions_parted(world):
    parted = [
        json.loads(line)
        for split in ("train", "test")
        for line in (world.path / f"{split}.jsonl").read_text().splitlines()
    ]
    assert sorted(q["id"] for q in parted) == sorted(q["id"] for q in world.questions)
    assert sum(world.summary.train.values()) == 80
    assert sum(world.summary.test.values()) == 30


def test_a_half_written_world_is_built_anew(world, tmp_path, monkeypatch):
    monkeypatch.setattr(build, "EXTRACT_LIMIT", 0)
    folder = tmp_path / "again"
    build_world(folder, preset="tiny", seed=1)
    with monkeypatch.context() as patch:
        patch.setattr(build, "render_html", interrupted)
        with pytest.raises(KeyboardInterrupt):
            build_world(folder, preset="tiny", seed=1)
    assert not (folder / "world.json").exists()
    build_world(folder, preset="tiny", seed=7)
    assert digest(folder) == digest(world.path)


def interrupted(*args):
    raise KeyboardInterrupt


def test_the_same_world_is_built_again_and_what_lies_beside_it_stays(
    world, tmp_path, monkeypatch
):
    monkeypatch.setattr(build, "EXTRACT_LIMIT", 0)
    folder = tmp_path / "again"
    build_world(folder, preset="tiny", seed=7)
    (folder / "traces.jsonl").write_text("mine")
    build_world(folder, preset="tiny", seed=7, train_questions=80)  # as many as before
    build_world(folder, preset="tiny", seed=7)
    assert (folder / "traces.jsonl").read_text() == "mine"
    (folder / "traces.jsonl").unlink()
    assert digest(folder) == digest(world.path)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"seed": 8}, r"\(seed 7\) than is asked for \(seed 8\): name another folder"),
        ({"pages": 200}, r"\(pages 300, .* than is asked for \(pages 200, "),
        ({"test_questions": 1}, r"\(test_questions 30\) .*\(test_questions 1\)"),
        ({"pages": 200, "seed": 8}, r"\(pages 300, .* seed 7\) .*\(pages 200, .* seed 8\)"),
        ({"base_url": "http://127.0.0.1:1"}, r"\(base_url http://127.0.0.1:8765\)"),
        (
            {"preset": WorldPreset(pages=300, hazards=Hazards(slow_seconds=9))},
            r"another world \(.*slow_seconds",
        ),
    ],
)
def test_another_world_is_never_replaced(world, changes, words):
    before = digest(world.path)
    with pytest.raises(WorldError, match=words) as caught:
        build_world(world.path, **{"preset": "tiny", "seed": 7, **changes})
    assert "\n" not in str(caught.value)
    assert digest(world.path) == before


def test_a_world_of_a_version_with_fewer_settings_is_built_again(tmp_path, monkeypatch):
    monkeypatch.setattr(build, "EXTRACT_LIMIT", 0)
    build_world(tmp_path, preset="tiny", seed=7)
    manifest = json.loads((tmp_path / "world.json").read_text())
    del manifest["preset"]["train_kinds"]
    (tmp_path / "world.json").write_text(json.dumps(manifest))
    assert build_world(tmp_path, preset="tiny", seed=7).seed == 7


@pytest.mark.parametrize("pages", [0, 199, 100_001])
def test_a_size_out_of_range_is_refused(tmp_path, pages):
    with pytest.raises(WorldError, match="pages must be 200 to 100000"):
        build_world(tmp_path / "w", pages=pages)
    assert not (tmp_path / "w").exists()


def test_bad_settings_are_refused(tmp_path):
    with pytest.raises(WorldError, match="unknown world preset 'moon'; known: tiny"):
        build_world(tmp_path / "w", preset="moon")
    with pytest.raises(WorldError, match="must not be negative"):
        build_world(tmp_path / "w", train_questions=-1)
    with pytest.raises(WorldError, match="hazard rates"):
        build_world(tmp_path / "w", preset=WorldPreset(hazards=Hazards(stale=0.9)))


def test_a_folder_with_other_files_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(WorldError, match="holds other files"):
        build_world(tmp_path, pages=200)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]
    with pytest.raises(WorldError, match="is a file"):
        build_world(tmp_path / "thesis.txt", pages=200)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("pages/thesis.html", "mine"),
        ("corpus.jsonl", '{"id": "mine"}\n'),
        ("world.json", '{"seed": 1}'),
        ("world.json", "no JSON"),
        ("world.partial", "mine"),
    ],
)
def test_files_that_only_bear_a_worlds_names_are_left_alone(tmp_path, name, content):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(content)
    with pytest.raises(WorldError, match="holds other files"):
        build_world(tmp_path, pages=200)
    assert (tmp_path / name).read_text() == content


@pytest.mark.slow
def test_a_large_world_is_built_in_minutes(tmp_path):
    summary = build_world(tmp_path / "w", preset="large")
    assert summary.documents == 20_000
    assert sum(summary.train.values()) == 2000
    assert sum(summary.test.values()) == 500
