"""Annotation through a real HTTP server whose replies are as bad as models make them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter

import pytest

from langgraph_deepsearch.curation.resumable import ResumableError
from langgraph_deepsearch.curation.sampling.annotate import annotate_questions
from langgraph_deepsearch.curation.sampling.annotation import (
    DOMAINS,
    annotation_prompt,
    annotation_schema,
    parse_domains,
    read_annotation,
)
from langgraph_deepsearch.curation.sampling.sample import SamplingPlan, sample_questions
from langgraph_deepsearch.errors import DeepSearchError
from langgraph_deepsearch.nodes.models.resolve import resolve_reasoner
from langgraph_deepsearch.questions import Question, read_questions

GOOD = '{"domain": "film", "key_points": ["director", "age"]}'


def asked(count: int) -> list[Question]:
    return [Question(f"q{n}", f"Who is older, N{n} or M{n}?", ("x",)) for n in range(count)]


def question_in(prompt: str) -> str:
    return re.findall(r"Question: (.*)", prompt)[-1]


@pytest.mark.parametrize(
    ("reply", "domain", "points", "marks"),
    [
        (GOOD, "film", ["director", "age"], []),
        (f"```json\n{GOOD}\n```", "film", ["director", "age"], ["fenced"]),
        (
            '{"domain": ["Film"], "key_points": ["age"]}',
            "film",
            ["age"],
            ["domain_wrong_type", "key_points_few"],
        ),
        (
            '{"domain": "film", "key_points": "director, age"}',
            "film",
            ["director", "age"],
            ["key_points_wrong_type"],
        ),
        (
            '{"domain": "film", "key_points": [["director"], 7, null, {"k": "age"}]}',
            "film",
            ["director", "7", "age"],
            ["key_points_wrong_type"],
        ),
        (
            '{"domain": 7, "key_points": true}',
            "",
            [],
            [
                "domain_wrong_type",
                "domain_missing",
                "key_points_wrong_type",
                "key_points_missing",
            ],
        ),
        ('{"domain": "film"}', "film", [], ["key_points_missing"]),
        ('{"key points": ["age"]}', "", ["age"], ["domain_missing", "key_points_few"]),
        (
            '{"domain": "cookery", "keywords": ["age"]}',
            "other",
            ["age"],
            ["domain_off_list", "key_points_few"],
        ),
        (
            '{"domain": "Films & cinema", "keywords": ["age", "cost"]}',
            "film",
            ["age", "cost"],
            [],
        ),
        ('{"domain": "film", "key_points": ["age"]}', "film", ["age"], ["key_points_few"]),
        (
            '{"domain": "film", "key_points": ["a", "b", "c", "d", "e"]}',
            "film",
            ["a", "b", "c", "d"],
            ["key_points_cut"],
        ),
        (
            '{"domain": "film", "key_points": ["dir',
            "film",
            ["dir"],
            ["truncated", "key_points_few"],
        ),
        (f"<think>Like {GOOD}, this one is about a river, so", "", [], ["unreadable"]),
        (
            f'Following {GOOD}, it is {{"domain": "law", "key_points": ["court", "age"]}}',
            "law",
            ["court", "age"],
            ["embedded"],
        ),
        ("It is about film.", "", [], ["unreadable"]),
    ],
)
def test_replies_of_every_kind(reply, domain, points, marks):
    found = read_annotation(reply, DOMAINS)
    assert (found.domain, list(found.key_points), list(found.marks)) == (
        domain,
        points,
        marks,
    )


def test_an_open_list_takes_any_domain():
    found = read_annotation('{"domain": "Ancient  Cookery.", "key_points": ["age"]}')
    assert found.domain == "ancient cookery"
    assert "Exactly one of: film" in annotation_prompt("Who?", ["film"])
    assert "Exactly one of" not in annotation_prompt("Who?")


def test_domain_lists():
    assert parse_domains("closed") == DOMAINS
    assert parse_domains("Film, film,law") == ("film", "law", "other")
    with pytest.raises(DeepSearchError, match="--domains takes"):
        parse_domains(" , ")


def test_a_question_that_looks_like_a_template_is_not_filled_in():
    assert "{{domains}}" in annotation_prompt("What does {{domains}} mean?")


def test_odd_replies_are_counted_and_the_rest_asked_for_again(fake_server, tmp_path, lines):
    first = [GOOD, f"```json\n{GOOD}\n```", '{"domain": "film"}', "No.", "No.", "No."]
    seen: Counter[str] = Counter()

    def reply(prompt: str) -> str:
        number = int(re.search(r"N(\d+)", question_in(prompt))[1])
        seen[str(number)] += 1
        if number == 2 and seen["2"] == 2:
            return GOOD.replace('["director", "age"]', '"age"')
        return first[number]

    fake_server.script(reply)
    model = resolve_reasoner("", base_url=fake_server.base_url)
    report = annotate_questions(asked(4), model, tmp_path)
    assert (report.annotated, report.failed) == (3, 1)
    assert report.replies == 7
    assert report.marks == {
        "fenced": 1,
        "key_points_missing": 1,
        "key_points_wrong_type": 1,
        "key_points_few": 1,
        "unreadable": 3,
    }
    assert seen == {"0": 1, "1": 1, "2": 2, "3": 3}
    annotated = lines(tmp_path / "annotated.jsonl")
    assert [one["id"] for one in annotated] == ["q0", "q1", "q2"]
    assert annotated[2]["key_points"] == ["age"]
    assert annotated[0]["answer"] == ["x"]
    assert annotated[0]["interrogatives"] == 2
    (failure,) = lines(tmp_path / "annotation_failures.jsonl")
    assert (failure["item"].split()[0], failure["reply"]) == ("q3", "No.")
    saved = json.loads((tmp_path / "annotation.json").read_text())
    assert saved["marks"]["unreadable"] == 3
    assert saved["used"]["calls"] == 7


def test_half_a_character_in_a_reply_is_replaced(fake_server, tmp_path, lines):
    reply = GOOD.replace("age", r"age \ud83d")
    fake_server.script(lambda _: reply)
    reasoner = resolve_reasoner("", base_url=fake_server.base_url)
    report = annotate_questions(asked(1), reasoner, tmp_path)
    assert (report.annotated, report.failed) == (1, 0)
    (record,) = lines(tmp_path / "annotated.jsonl")
    assert record["key_points"] == ["director", "age \ufffd"]


def test_another_model_needs_another_folder(fake_server, tmp_path):
    fake_server.script(lambda _: GOOD)
    reasoner = resolve_reasoner("", base_url=fake_server.base_url)
    annotate_questions(asked(1), reasoner, tmp_path)
    settings_file = tmp_path / "annotation_settings.json"
    settings = json.loads(settings_file.read_text())
    settings_file.write_text(json.dumps({**settings, "model": "another"}))
    with pytest.raises(ResumableError, match="started with model='another'"):
        annotate_questions(asked(2), reasoner, tmp_path)


def test_what_failed_is_tried_again(fake_server, tmp_path):
    fake_server.script(lambda _: "No.")
    model = resolve_reasoner("", base_url=fake_server.base_url)
    report = annotate_questions(asked(3), model, tmp_path)
    assert (report.failed, report.replies, report.marks) == (3, 9, {"unreadable": 9})
    fake_server.script(lambda _: GOOD)
    report = annotate_questions(asked(3), model, tmp_path)
    assert (report.annotated, report.failed) == (3, 0)
    assert (report.replies, report.marks) == (3, {})  # of the run that asked each last
    assert not (tmp_path / "annotation_failures.jsonl").exists()


def test_a_server_that_holds_replies_to_the_schema(fake_server, tmp_path, lines):
    fake_server.schemas = "held"
    fake_server.script(lambda _: 'Sure! {"domain": "cookery", "key_points": ["age"]} Bye.')
    model = resolve_reasoner("", base_url=fake_server.base_url)
    report = annotate_questions(asked(3), model, tmp_path)
    assert (report.annotated, report.replies, report.marks) == (3, 3, {})
    saved = json.loads((tmp_path / "annotation.json").read_text())
    assert (saved["used"]["constrained"], saved["used"]["refused"]) == (3, 0)
    for one in lines(tmp_path / "annotated.jsonl"):
        assert one["domain"] in DOMAINS
        assert 2 <= len(one["key_points"]) <= 4


def test_a_server_that_refuses_schemas_annotates_in_plain_text(fake_server, tmp_path):
    fake_server.schemas = "refused"
    fake_server.script(lambda _: f"```json\n{GOOD}\n```")
    model = resolve_reasoner("", base_url=fake_server.base_url)
    report = annotate_questions(asked(6), model, tmp_path, concurrency=1)
    assert (report.annotated, report.marks) == (6, {"fenced": 6})
    assert (report.used.calls, report.used.constrained, report.used.refused) == (7, 0, 1)


def test_an_open_list_is_held_to_short_labels():
    open_domain = annotation_schema()["properties"]["domain"]
    closed = annotation_schema(("film", "law"))["properties"]["domain"]
    assert (open_domain["maxLength"], closed["enum"]) == (60, ["film", "law"])


def test_other_questions_with_the_same_ids_are_asked(fake_server, tmp_path, lines):
    fake_server.script(lambda _: GOOD)
    model = resolve_reasoner("", base_url=fake_server.base_url)
    annotate_questions(asked(2), model, tmp_path)
    other = [Question("q0", "Who else?"), asked(2)[1]]
    assert annotate_questions(other, model, tmp_path).annotated == 2
    assert len(fake_server.generations()) == 3
    assert lines(tmp_path / "annotated.jsonl")[0]["question"] == "Who else?"


def test_another_list_of_domains_needs_another_folder(fake_server, tmp_path):
    fake_server.script(lambda _: GOOD)
    model = resolve_reasoner("", base_url=fake_server.base_url)
    annotate_questions(asked(2), model, tmp_path, domains=("film", "other"))
    with pytest.raises(ResumableError, match="was started with domains"):
        annotate_questions(asked(2), model, tmp_path, domains=())


def test_a_server_that_goes_down_keeps_what_was_done(
    fake_server, tmp_path, lines, monkeypatch
):
    monkeypatch.setattr("langgraph_deepsearch.curation.asking.RETRY_SECONDS", 0)
    fake_server.script(lambda _: GOOD)
    model = resolve_reasoner("", base_url=fake_server.base_url)
    annotate_questions(asked(5), model, tmp_path)
    fake_server.fail(400, "the engine is dead", times=1000)
    with pytest.raises(ResumableError, match=r"8 failures in a row.*5 of 40 are kept"):
        annotate_questions(asked(40), model, tmp_path, concurrency=1)
    assert len(lines(tmp_path / "annotated.jsonl")) == 5


@pytest.mark.timeout(1200)
def test_a_killed_run_goes_on_and_loses_nothing(fake_server, tmp_path, lines):
    fake_server.script(lambda _: GOOD)
    fake_server.token_delay = 0.002
    file = tmp_path / "questions.jsonl"
    file.write_text("".join(json.dumps(q.to_json()) + "\n" for q in asked(60)))
    out = tmp_path / "out"
    command = [sys.executable, "-m", "langgraph_deepsearch.cli", "questions", "annotate"]
    command += [str(file), "--out", str(out), "--base-url", fake_server.base_url]
    command += ["--concurrency", "2"]
    log = out / "annotation_log.jsonl"
    process = subprocess.Popen(command, start_new_session=True)
    deadline = time.monotonic() + 400  # a loaded machine takes its time to import
    while time.monotonic() < deadline and not (log.exists() and log.stat().st_size > 2000):
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    kept = [json.loads(line) for line in log.read_bytes().split(b"\n")[:-1]]
    assert 5 <= len(kept) < 60
    with log.open("ab") as torn:
        torn.write(b'{"item": "q59", "dom')
    fake_server.token_delay = 0
    before = len(fake_server.generations())
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert len(fake_server.generations()) - before == 60 - len(kept)
    assert [one["id"] for one in lines(out / "annotated.jsonl")] == [
        f"q{n}" for n in range(60)
    ]


def test_real_questions_from_annotation_to_sample(fake_server, tmp_path, shared):
    """Domains and key points by simple rules, as a model's stand-in."""
    domains = {"film": "film", "song": "music", "born": "people", "county": "geography"}

    def reply(prompt: str) -> str:
        words = re.findall(r"[a-z]{4,}", question_in(prompt))
        domain = next((domains[w] for w in words if w in domains), "other")
        points = [w for w in words if w not in {"what", "which", "where", "that"}][:3]
        text = json.dumps({"domain": domain, "key_points": points})
        return f"```json\n{text}\n```" if len(words) % 5 == 0 else text

    fake_server.script(reply)
    model = resolve_reasoner("", base_url=fake_server.base_url)
    real = read_questions(shared("musique_train100/questions.jsonl"))
    report = annotate_questions(real, model, tmp_path / "annotated")
    assert report.annotated + report.failed == len(real) == 100
    assert report.marks["fenced"] > 5
    files = [("musique", tmp_path / "annotated" / "annotated.jsonl")]
    against = [("musique", shared("questions/musique.json"))]
    sampled = sample_questions(files, tmp_path / "s", SamplingPlan(30), against=against)
    assert sampled.selected == 30
    assert len(sampled.after.domains) == len(sampled.before.domains)
    assert sampled.after.mean_interrogatives >= sampled.before.mean_interrogatives
