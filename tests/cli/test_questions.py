"""`deepsearch questions`: from plain questions to a sample, and from pages to questions."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

DOWN = "http://127.0.0.1:9/v1"
"""Nothing listens there."""

PAGES = [
    {
        "id": "a",
        "title": "Silver Harp",
        "text": "Silver Harp is a film by Kerrin Oak. " * 4,
    },
    {
        "id": "b",
        "title": "Kerrin Oak",
        "text": "Kerrin Oak was born in Tamsin in 1940. " * 4,
    },
]


@pytest.fixture
def files(tmp_path) -> Path:
    rows = [
        {"id": n, "question": f"Who is older, N{n} or M{n}?", "answer": f"N{n}"}
        for n in range(30)
    ]
    for name, records in (("pool", rows), ("test", rows[:3]), ("corpus", PAGES)):
        text = "".join(json.dumps(record) + "\n" for record in records)
        (tmp_path / f"{name}.jsonl").write_text(text)
    return tmp_path


def reply(prompt: str) -> str:
    """Return what a model would: domains in turn, one question of the pages."""
    if "Say what a question is about" in prompt:
        number = int(re.findall(r"N(\d+)", prompt)[-1])
        domain = ("film", "law", "music")[number % 3]
        return json.dumps({"domain": domain, "key_points": [f"point {number}"]})
    if "Write one question" in prompt:
        question = "Where was the maker of Silver Harp born?"
        return json.dumps({"question": question, "answer": "Tamsin"})
    return json.dumps({"time_sensitive": False, "subjective": False, "harmful": False})


def read(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_from_questions_to_a_sample(deepsearch, files, fake_server):
    fake_server.script(reply)
    url = ("--base-url", fake_server.base_url)
    planned = deepsearch(
        "questions", "annotate", "pool.jsonl", "--out", "a", "--plan", *url
    )
    assert "30 items left: at most 90 model calls" in planned.out
    assert not fake_server.generations()
    done = deepsearch("questions", "annotate", "pool.jsonl", "--out", "a", *url)
    assert done.code == 0, done.err
    assert "30 of 30 questions annotated by fake-model" in done.out
    sample = ("questions", "sample", "nq=a/annotated.jsonl", "--out", "s", "--target", 12)
    done = deepsearch(*sample, "--against", "held-out=test.jsonl", "--json")
    report = json.loads(done.out)
    assert report["contaminated"] == {"held-out": 3}
    assert report["after"]["domains"] == {"film": 4, "law": 4, "music": 4}
    assert report["after"]["sources"] == {"nq": 12}
    assert len(read(files / "s" / "sampled.jsonl")) == 12
    assert "<h2>Domains</h2>" in (files / "s" / "sampling.html").read_text()


def test_a_pool_that_is_too_small_is_said_and_no_failure(deepsearch, files, fake_server):
    fake_server.script(reply)
    url = ("--base-url", fake_server.base_url)
    deepsearch("questions", "annotate", "pool.jsonl", "--out", "a", "--limit", 5, *url)
    done = deepsearch(
        "questions", "sample", "a/annotated.jsonl", "--out", "s", "--target", 9
    )
    assert done.code == 0
    assert "4 fewer than wanted: the pool holds 5" in done.err


def test_from_pages_to_questions(deepsearch, files, fake_server):
    fake_server.script(reply)
    options = ("--out", "s", "--base-url", fake_server.base_url, "--no-verify")
    done = deepsearch("questions", "synthesize", "corpus.jsonl", *options)
    assert done.code == 0, done.err
    (question,) = read(files / "s" / "synthesized.jsonl")
    assert question["supporting_ids"] == ["a", "b"]
    other = deepsearch("questions", "synthesize", "corpus.jsonl", *options, "--seed", 1)
    assert "s was started with seed=0, now it is 1" in other.complaint
    planned = deepsearch("questions", "synthesize", "corpus.jsonl", "--plan", "--out", "p")
    assert "1 items left: at most 6 model calls" in planned.out
    finished = deepsearch("questions", "synthesize", "corpus.jsonl", "--plan", "--out", "s")
    assert "0 items left: at most 0 model calls" in finished.out


def test_questions_are_filtered(deepsearch, files, fake_server):
    fake_server.script(reply)
    options = ("--out", "f", "--base-url", fake_server.base_url, "--tries", 0)
    done = deepsearch("questions", "filter", "pool.jsonl", *options)
    assert "30 of 30 questions kept" in done.out
    assert len(read(files / "f" / "filtered.jsonl")) == 30


BAD = [
    (("sample", "absent.jsonl", "--target", 3), "no question file at absent.jsonl"),
    (("sample", "pool.jsonl", "--target", 3), "run `deepsearch questions annotate` first"),
    (
        ("sample", "pool.jsonl", "--target", 3, "--without", "x"),
        "there is no criterion 'x'",
    ),
    (("sample", "pool.jsonl", "--target", 3, "--mix", "nq"), "--mix takes NAME=SHARE"),
    (("sample", "pool.jsonl", "--target", 3, "--mix", "nq=-1"), "must be above 0"),
    (
        ("sample", "pool.jsonl", "--target", 3, "--against", "t=absent.jsonl"),
        "no question file at absent.jsonl",
    ),
    (("annotate", "absent.jsonl"), "no question file at absent.jsonl"),
    (("annotate", "pool.jsonl", "--domains", ","), "--domains takes closed, open, or"),
    (("annotate", "pool.jsonl", "--base-url", DOWN), f"no model server at {DOWN}"),
    (("synthesize", "absent.jsonl"), "no pages at absent.jsonl"),
    (("synthesize", "pool.jsonl"), "pool.jsonl holds no text"),
    (("synthesize", "corpus.jsonl", "--hops", 4), "no 4 of the 2 pages are linked"),
    (("synthesize", "corpus.jsonl", "--method", "e2hqa"), "with --questions"),
    (("filter", "pool.jsonl", "--base-url", DOWN), f"no model server at {DOWN}"),
]


@pytest.mark.parametrize(("arguments", "words"), BAD, ids=lambda value: str(value)[:60])
def test_bad_input_is_one_line_and_writes_nothing(deepsearch, files, arguments, words):
    done = deepsearch("questions", *arguments, "--out", "o")
    assert done.code == 1
    assert words in done.complaint
    assert not (files / "o").exists()
