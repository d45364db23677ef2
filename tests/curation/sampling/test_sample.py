"""From files to files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter

import pytest

from langgraph_deepsearch.curation.sampling.candidates import SamplingError, parse_file
from langgraph_deepsearch.curation.sampling.sample import SamplingPlan, sample_questions
from langgraph_deepsearch.questions import read_questions
from langgraph_deepsearch.trace import TraceFileError

DOMAINS = ("film", "law", "music")


def records(count: int, source: str = "nq", start: int = 1):
    for number in range(start, start + count):
        yield {
            "id": number,
            "question": f"Who is the {number % 9}th rival of N{source}{number}, and where?",
            "answer": ["x"],
            "source": source,
            "domain": DOMAINS[min(2, number % 10)],
            "key_points": [f"point {number % 23}", f"p{number % 7}"],
            "difficulty": {"kept": number},
        }


def test_the_chosen_keep_every_field(tmp_path, jsonl, lines):
    file = jsonl(tmp_path / "pool.jsonl", records(100))
    report = sample_questions([("nq", file)], tmp_path / "out", SamplingPlan(30))
    chosen = lines(tmp_path / "out" / "sampled.jsonl")
    everything = {record["id"]: record for record in lines(file)}
    assert [everything[one["id"]] for one in chosen] == chosen
    assert Counter(one["domain"] for one in chosen) == dict.fromkeys(DOMAINS, 10)
    assert report.selected == report.after.questions == 30
    assert report.before.questions == 100
    assert len(read_questions(tmp_path / "out" / "sampled.jsonl")) == 30


def test_the_report_tells_what_went_in_and_why_it_came_out(tmp_path, jsonl):
    pool = [*records(60), *records(5), {"id": "x", "question": "Why?", "domain": "film"}]
    pool[70:] = []
    file = jsonl(tmp_path / "pool.jsonl", pool)
    held_out = jsonl(tmp_path / "test.jsonl", list(records(3, start=20)))
    report = sample_questions(
        [("nq", file)], tmp_path / "out", SamplingPlan(99), against=[("test", held_out)]
    )
    assert (report.read, report.unannotated, report.duplicates) == (66, 1, 5)
    assert report.contaminated == {"test": 3}
    assert report.selected == report.available == 57
    assert report.short_by == 42
    saved = json.loads((tmp_path / "out" / "sampling.json").read_text())
    assert saved["inputs"][0]["bytes"] == file.stat().st_size
    assert len(saved["examples"]["contaminated"]) == 3
    assert sum(saved["after"]["domains"].values()) == 57
    page = (tmp_path / "out" / "sampling.html").read_text()
    for text in ("Domains", "Sources", "asked in test", "too small by 42", "film", "nq"):
        assert text in page


def test_a_mix_holds_in_the_result(tmp_path, jsonl, lines):
    files = [
        ("nq", jsonl(tmp_path / "a.jsonl", records(200, "nq"))),
        ("hotpotqa", jsonl(tmp_path / "b.jsonl", records(50, "hotpotqa"))),
        ("musique", jsonl(tmp_path / "c.jsonl", records(200, "musique"))),
        ("mine", jsonl(tmp_path / "d.jsonl", records(9, "mine"))),
    ]
    plan = SamplingPlan(100, mix={"single-hop": 0.3, "hotpotqa": 0.2, "multi-hop": 0.5})
    report = sample_questions(files, tmp_path / "out", plan)
    chosen = read_questions(tmp_path / "out" / "sampled.jsonl")  # ids differ
    assert Counter(one.metadata["source"] for one in chosen) == {
        "nq": 30,
        "hotpotqa": 20,
        "musique": 50,
    }
    assert report.not_in_mix == 9
    assert report.groups["single-hop"] == {"available": 200, "quota": 30, "selected": 30}


def test_a_mix_that_names_nothing_is_refused(tmp_path, jsonl):
    file = jsonl(tmp_path / "a.jsonl", records(9))
    plan = SamplingPlan(5, mix={"nq": 0.5, "trivia": 0.5})
    with pytest.raises(
        SamplingError, match="no question of trivia in the mix; the sources"
    ):
        sample_questions([("nq", file)], tmp_path / "out", plan)
    assert not (tmp_path / "out").exists()


def test_small_domains_are_merged_over_the_mix_not_within_a_group(tmp_path, jsonl):
    sizes = {"film": 30, "law": 60, "other": 9}
    rows = [
        {**record, "domain": domain, "id": f"{source}{record['id']}"}
        for source in ("nq", "hotpotqa", "mine")
        for domain, size in sizes.items()
        for record in records(size, f"{source}{domain}"[:12])
        for record in [{**record, "source": source}]
    ]
    file = jsonl(tmp_path / "a.jsonl", rows)
    mix = {"nq": 1, "hotpotqa": 1}
    plan = SamplingPlan(60, mix=mix, min_domain=50)
    report = sample_questions([("a", file)], tmp_path / "out", plan)
    # 60 films, of which each group has 30: a domain of its own in both.
    assert report.merged_domains == []
    assert report.after.domains == {"film": 22, "law": 20, "other": 18}
    plan = SamplingPlan(60, mix=mix, min_domain=61)
    report = sample_questions([("a", file)], tmp_path / "out", plan)
    assert report.merged_domains == ["film"]
    assert report.after.domains["law"] == 30
    plan = SamplingPlan(60, mix=mix, min_domain=61, without=("domain",))
    report = sample_questions([("a", file)], tmp_path / "out", plan)
    assert report.merged_domains == []


@pytest.mark.parametrize("name", ["sampled.jsonl", "sampling.json", "sampling.html"])
def test_a_file_that_is_read_is_not_replaced(tmp_path, jsonl, name):
    pool = jsonl(tmp_path / "pool.jsonl", records(9))
    file = jsonl(tmp_path / "out" / name, records(9))
    before = file.read_bytes()
    plan, out = SamplingPlan(3), tmp_path / "out"
    with pytest.raises(TraceFileError, match="read here and would be replaced"):
        sample_questions([("a", file)], out, plan)
    with pytest.raises(TraceFileError, match="read here and would be replaced"):
        sample_questions([("a", pool)], out, plan, against=[("test", file)])
    assert [one.name for one in out.iterdir()] == [name]
    assert file.read_bytes() == before


def test_where_no_question_is_left_the_earlier_sample_stays(tmp_path, jsonl):
    file = jsonl(tmp_path / "pool.jsonl", records(9))
    out = tmp_path / "out"
    sample_questions([("a", file)], out, SamplingPlan(3))
    before = {path: path.read_bytes() for path in out.iterdir()}
    with pytest.raises(SamplingError, match=r"left of 9 \(9 asked in test\)"):
        sample_questions([("a", file)], out, SamplingPlan(3), against=[("test", file)])
    assert {path: path.read_bytes() for path in out.iterdir()} == before


def test_what_is_not_annotated_is_left_out(tmp_path, jsonl):
    bad = [
        {"question": "Who is A1?", "domain": "film"},
        {"question": "Who is A2?", "domain": "film", "key_points": "director, age"},
        {"question": "Who is A3?", "domain": ["Film"], "key_points": ["age", 7, None]},
        {"question": "Who is A4?", "domain": 7, "key_points": ["age"]},
    ]
    file = jsonl(tmp_path / "a.jsonl", bad)
    report = sample_questions([("a", file)], tmp_path / "out", SamplingPlan(9))
    assert (report.read, report.unannotated, report.selected) == (4, 2, 2)
    assert report.before.domains == {"film": 2}
    assert report.before.key_points == {"age": 2, "7": 1, "director": 1}
    plan = SamplingPlan(9, without=("domain", "keywords"))
    assert sample_questions([("a", file)], tmp_path / "all", plan).selected == 4


def test_nothing_annotated_says_what_to_do(tmp_path, jsonl):
    file = jsonl(tmp_path / "a.jsonl", [{"question": "Why?"}])
    with pytest.raises(SamplingError, match="questions annotate"):
        sample_questions([("a", file)], tmp_path / "out", SamplingPlan(9))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"question": "Who?"', "record 1: not valid JSON"),
        ('["Who?"]', "record 1: a question must be a JSON object"),
        ('{"text": "Who?"}', "record 1: no question text"),
        ("", "pool.jsonl holds no questions"),
        ("[]", "pool.jsonl holds no questions"),
        (None, "no question file"),
    ],
)
def test_a_bad_file_is_one_clear_line(tmp_path, content, message):
    file = tmp_path / "pool.jsonl"
    if content is not None:
        file.write_text(content)
    with pytest.raises(SamplingError, match=message) as caught:
        sample_questions([("a", file)], tmp_path / "out", SamplingPlan(9))
    assert "\n" not in str(caught.value)


def test_half_a_character_is_replaced(tmp_path, lines):
    file = tmp_path / "pool.jsonl"
    one = {**next(records(1)), "question": "Who is \ud83d?", "note": ["\ude00"]}
    file.write_text(json.dumps(one) + "\n")
    sample_questions([("a", file)], tmp_path / "out", SamplingPlan(1))
    (chosen,) = lines(tmp_path / "out" / "sampled.jsonl")
    assert (chosen["question"], chosen["note"]) == ("Who is \ufffd?", ["\ufffd"])


def test_json_arrays_and_references_spelling_are_read(tmp_path):
    file = tmp_path / "pool.json"
    rows = [{**record, "Question": record["question"]} for record in records(20)]
    for row in rows:
        del row["question"]
    file.write_text(json.dumps(rows, indent=4))
    report = sample_questions([("a", file)], tmp_path / "out", SamplingPlan(6))
    assert report.selected == 6
    assert len(read_questions(tmp_path / "out" / "sampled.jsonl")) == 6


@pytest.mark.parametrize("form", ["lines", "array"])
def test_a_byte_order_mark_is_read_over(tmp_path, form):
    rows = list(records(20))
    whole = json.dumps(rows) if form == "array" else "\n".join(map(json.dumps, rows)) + "\n"
    file = tmp_path / "pool.json"
    file.write_text(whole, encoding="utf-8-sig")
    assert sample_questions([("a", file)], tmp_path / "out", SamplingPlan(6)).selected == 6
    assert len(read_questions(tmp_path / "out" / "sampled.jsonl")) == 6


def test_the_hash_seed_does_not_matter(tmp_path, jsonl):
    files = [
        jsonl(tmp_path / f"{name}.jsonl", records(300, name)) for name in ("nq", "musique")
    ]
    held_out = jsonl(tmp_path / "test.jsonl", list(records(30, start=50)))
    code = (
        "import sys; from langgraph_deepsearch.curation.sampling.sample import *\n"
        "plan = SamplingPlan(101, min_domain=40, seed=3, mix={'nq': 1, 'multi-hop': 2})\n"
        f"sample_questions([('nq', {str(files[0])!r}), ('m', {str(files[1])!r})],"
        f" sys.argv[1], plan, against=[('test', {str(held_out)!r})])"
    )
    outputs = []
    for seed in ("0", "4711"):
        out = tmp_path / seed
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        command = [sys.executable, "-c", code, str(out)]
        subprocess.run(command, env=environment, check=True, timeout=250)
        report = json.loads((out / "sampling.json").read_text())
        del report["seconds"], report["output"]
        outputs.append(((out / "sampled.jsonl").read_bytes(), report))
    assert outputs[0] == outputs[1]
    assert outputs[0][0].count(b"\n") == 101


def test_a_name_may_stand_before_a_path(tmp_path):
    odd = tmp_path / "a=b.jsonl"
    odd.write_text("")
    assert parse_file(str(odd)).path == odd
    assert parse_file("nq=x/train.jsonl").name == "nq"


@pytest.mark.slow
def test_time_grows_with_the_questions_alone(tmp_path, jsonl):
    import time

    seconds = []
    for count in (20_000, 80_000):
        file = jsonl(tmp_path / f"{count}.jsonl", records(count))
        started = time.process_time()
        plan = SamplingPlan(count // 4)
        report = sample_questions([("nq", file)], tmp_path / "out", plan)
        seconds.append(time.process_time() - started)
        assert report.selected == count // 4
    assert seconds[1] < 8 * seconds[0]
