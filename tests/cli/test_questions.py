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
    (tmp_path / "twice.jsonl").write_text(json.dumps(rows[0]) + "\n" + json.dumps(rows[0]))
    (tmp_path / "malformed.jsonl").write_text(json.dumps(rows[0]) + '\n{"id\n')
    (tmp_path / "empty.jsonl").write_text("")
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
    # What is finished in the folder is of other items.
    other = deepsearch(
        *("questions", "synthesize", "corpus.jsonl", "--plan", "--out", "s"),
        *("--method", "ramp"),
    )
    assert "2 items left: at most 4 model calls" in other.out


ADDRESS = "http://127.0.0.1:9/"
"""Nothing answers there."""


def crawled(folder: Path) -> None:
    folder.mkdir()
    state = {"root": ADDRESS, "limit": 200, "pages": len(PAGES)}
    (folder / "crawl.json").write_text(json.dumps(state))
    text = "".join(json.dumps(page) + "\n" for page in PAGES)
    (folder / "pages.jsonl").write_text(text)


def test_a_plan_fetches_nothing(deepsearch, files):
    words = ("questions", "synthesize", ADDRESS, "--plan")
    planned = deepsearch(*words, "--out", "p", "--count", 7)
    assert planned.code == 0
    assert "7 items left: at most 42 model calls" in planned.out
    assert "still to be crawled" in planned.err
    assert not (files / "p").exists()
    crawled(files / "c")
    known = deepsearch(*words, "--out", "c")
    assert "1 items left: at most 6 model calls" in known.out
    more = deepsearch(*words, "--out", "c", "--crawl-limit", 300)
    assert "still to be crawled" in more.err


def test_pages_of_another_address_are_not_taken(deepsearch, files, fake_server):
    fake_server.script(reply)
    crawled(files / "c")
    options = ("--out", "c", "--base-url", fake_server.base_url, "--no-verify")
    other = deepsearch("questions", "synthesize", f"{ADDRESS}other", *options)
    assert other.code == 1
    assert f"c was crawled from {ADDRESS}, now it is {ADDRESS}other" in other.complaint
    same = deepsearch("questions", "synthesize", ADDRESS, *options)
    assert same.code == 0, same.err
    assert len(read(files / "c" / "synthesized.jsonl")) == 1
    without_slash = deepsearch("questions", "synthesize", ADDRESS.rstrip("/"), *options)
    assert without_slash.code == 0, without_slash.err


def test_no_verb_replaces_what_it_reads(deepsearch, files, fake_server):
    fake_server.script(reply)
    rows = (files / "pool.jsonl").read_text()
    for verb, name, *options in (
        ("annotate", "annotated.jsonl"),
        ("sample", "sampled.jsonl", "--target", 5),
        ("filter", "filtered.jsonl"),
        ("filter", "removed.jsonl"),
        ("synthesize", "synthesized.jsonl"),
    ):
        folder = files / f"{verb}-{name}"
        folder.mkdir()
        (folder / name).write_text(rows)
        done = deepsearch(
            *("questions", verb, f"{folder.name}/{name}", "--out", folder.name), *options
        )
        assert done.code == 1
        assert "is read here and would be replaced: name another --out" in done.complaint
        assert [path.name for path in folder.iterdir()] == [name]
        assert (folder / name).read_text() == rows
    easy = (
        "--method",
        "e2hqa",
        "--questions",
        "synthesize-synthesized.jsonl/synthesized.jsonl",
    )
    done = deepsearch(
        *("questions", "synthesize", "corpus.jsonl", *easy),
        *("--out", "synthesize-synthesized.jsonl"),
    )
    assert "would be replaced" in done.complaint
    assert not fake_server.generations()


def test_questions_are_filtered(deepsearch, files, fake_server):
    fake_server.script(reply)
    options = ("--out", "f", "--base-url", fake_server.base_url, "--tries", 0)
    done = deepsearch("questions", "filter", "pool.jsonl", *options)
    assert "30 of 30 questions kept" in done.out
    assert len(read(files / "f" / "filtered.jsonl")) == 30


BAD = [
    (("sample", "absent.jsonl", "--target", 3), "no question file at absent.jsonl"),
    (("sample", "pool.jsonl", "--target", 3), "run `deepsearch questions annotate` first"),
    (("sample", "empty.jsonl", "--target", 3), "empty.jsonl holds no questions"),
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
    (
        ("sample", "malformed.jsonl", "--target", 3),
        "malformed.jsonl: record 2: not valid JSON",
    ),
    (
        ("sample", "pool.jsonl", "--target", 3, "--against", "t=empty.jsonl"),
        "empty.jsonl holds no questions",
    ),
    (("annotate", "absent.jsonl"), "no question file at absent.jsonl"),
    (("annotate", "malformed.jsonl"), "malformed.jsonl:2: not valid JSON"),
    (("annotate", "empty.jsonl"), "empty.jsonl holds no questions"),
    (("annotate", "corpus.jsonl"), "corpus.jsonl:1: no question text"),
    (("annotate", "twice.jsonl"), "twice.jsonl"),
    (("annotate", "pool.jsonl", "--domains", ","), "--domains takes closed, open, or"),
    (("annotate", "pool.jsonl", "--base-url", DOWN), f"no model server at {DOWN}"),
    (("synthesize", "absent.jsonl"), "no pages at absent.jsonl"),
    (("synthesize", "pool.jsonl"), "pool.jsonl holds no text"),
    (("synthesize", "corpus.jsonl", "--hops", 4), "no 4 of the 2 pages are linked"),
    (("synthesize", "malformed.jsonl"), "malformed.jsonl:2: not valid JSON"),
    (("synthesize", "empty.jsonl"), "empty.jsonl holds no text"),
    (("synthesize", "http://127.0.0.1:9/"), "none of the roots could be read"),
    (("synthesize", "corpus.jsonl", "--method", "e2hqa"), "with --questions"),
    (
        ("synthesize", "corpus.jsonl", "--method", "e2hqa", "--questions", "absent.jsonl"),
        "no question file at absent.jsonl",
    ),
    (("synthesize", "corpus.jsonl", "--base-url", DOWN), f"no model server at {DOWN}"),
    (("filter", "absent.jsonl"), "no question file at absent.jsonl"),
    (("filter", "malformed.jsonl"), "malformed.jsonl:2: not valid JSON"),
    (("filter", "empty.jsonl"), "empty.jsonl holds no questions"),
    (("filter", "pool.jsonl", "--base-url", DOWN), f"no model server at {DOWN}"),
]


@pytest.mark.parametrize(("arguments", "words"), BAD, ids=lambda value: str(value)[:60])
def test_bad_input_is_one_line_and_writes_nothing(deepsearch, files, arguments, words):
    done = deepsearch("questions", *arguments, "--out", "o")
    assert done.code == 1
    assert words in done.complaint
    assert not (files / "o").exists()


@pytest.mark.parametrize("verb", ["annotate", "filter"])
def test_a_server_that_fails_keeps_what_was_done(
    deepsearch, files, fake_server, monkeypatch, verb
):
    monkeypatch.setattr("langgraph_deepsearch.curation.asking.RETRY_SECONDS", 0)
    fake_server.script(reply)
    options = ("--out", "o", "--base-url", fake_server.base_url, "--concurrency", 1)
    tries = ("--tries", 0) if verb == "filter" else ()
    assert (
        deepsearch("questions", verb, "pool.jsonl", "--limit", 4, *options, *tries).code
        == 0
    )
    fake_server.fail(400, "the engine is dead", times=1000)
    done = deepsearch("questions", verb, "pool.jsonl", *options, *tries)
    assert done.code == 1
    assert "8 failures in a row" in done.complaint
    assert "4 of 30 are kept" in done.complaint
    result = {"annotate": "annotated.jsonl", "filter": "filtered.jsonl"}[verb]
    assert len(read(files / "o" / result)) == 4


@pytest.mark.parametrize("verb", ["annotate", "filter", "synthesize"])
def test_questions_that_fail_are_listed_and_the_command_fails(
    deepsearch, files, fake_server, verb
):
    fake_server.script(lambda _: "No.")
    file = "corpus.jsonl" if verb == "synthesize" else "pool.jsonl"
    options = ("--out", "o", "--base-url", fake_server.base_url, "--json")
    done = deepsearch("questions", verb, file, *options)
    if verb == "synthesize":  # drafts that fail are no failure of the command
        assert (done.code, json.loads(done.out)["questions"]) == (0, 0)
        return
    assert done.code == 1
    assert json.loads(done.out)["failed"] == 30
    names = {"annotate": "annotation", "filter": "filter"}
    assert f"o/{names[verb]}_failures.jsonl; run again to retry" in done.complaint
    assert len(read(files / "o" / f"{names[verb]}_failures.jsonl")) == 30


def test_a_folder_that_is_a_file(deepsearch, files, fake_server):
    fake_server.script(reply)
    before = (files / "test.jsonl").read_text()
    options = ("--out", "test.jsonl", "--base-url", fake_server.base_url)
    done = deepsearch("questions", "annotate", "pool.jsonl", *options)
    assert done.code == 1
    assert "test.jsonl: File exists" in done.complaint
    assert (files / "test.jsonl").read_text() == before
    assert not fake_server.generations()


def test_plain_replies_on_demand(deepsearch, files, fake_server):
    fake_server.schemas = "held"
    fake_server.script(reply)
    options = ("--base-url", fake_server.base_url, "--json")
    held = deepsearch("questions", "annotate", "pool.jsonl", "--out", "a", *options)
    assert json.loads(held.out)["used"]["constrained"] == 30
    plain = ("--out", "b", "--unconstrained")
    done = deepsearch("questions", "annotate", "pool.jsonl", *plain, *options)
    assert json.loads(done.out)["used"]["constrained"] == 0
