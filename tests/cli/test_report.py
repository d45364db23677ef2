"""`deepsearch report` as a user types it."""

from __future__ import annotations

import json

import pytest
from report_script import CHECK, FINISHED, QUESTION, script, search, step_of, write

from langgraph_deepsearch.trace import read_traces

TURNS = [
    search("capital of Peru"),
    write("The capital", "Name it."),
    CHECK,
    FINISHED,
]
REPORT = """\
# Peru and its capital

## The capital

The capital of Peru is Lima [1]. It is nice.

## Sources

- [1] Peru
"""


@pytest.fixture
def report(deepsearch, files, fake_server):
    """Return a function that runs `deepsearch report` over the small corpus."""

    def run(*arguments, turns=TURNS, reply=None):
        fake_server.script(reply or script(turns))
        return deepsearch(
            "report", QUESTION, "--base-url", fake_server.base_url,
            "--search", f"corpus:{files / 'corpus.jsonl'}", "--set", "top_k=1",
            "--condenser", "extractive", *arguments,
        )  # fmt: skip

    return run


def test_a_report_is_printed_as_it_is(report):
    done = report()
    assert done.code == 0
    assert done.out == REPORT
    assert "searching: capital of Peru" in done.err
    assert "writing: The capital" in done.err
    assert "answered; 1 sources cited; 1 citations of nothing retrieved" in done.err


def test_a_report_goes_into_a_file(report, files):
    done = report("--out", "new/report.md", "--set", "trace_dir=traces")
    assert (done.code, done.out) == (0, "")
    assert (files / "new" / "report.md").read_text() == REPORT
    assert "written to new/report.md" in done.err
    (trace,) = read_traces(files / "traces")
    assert trace.answer == REPORT


def test_json_has_report_sources_and_counts(report):
    done = report("--json")
    found = json.loads(done.out)
    assert (found["report"], found["stop_reason"]) == (REPORT, "answered")
    assert (found["removed_citations"], found["failed_searches"]) == (1, 0)
    assert [(s["number"], s["title"]) for s in found["sources"]] == [(1, "Peru")]


def test_the_writer_has_a_model_of_its_own(report, fake_server):
    fake_server.script(lambda prompt: "Lima [1]." if "Section" in prompt else "Peru", "w")
    done = report("--writer-model", "w")
    assert "## The capital\n\nLima [1].\n" in done.out
    asked = {r["body"]["model"] for r in fake_server.generations()}
    assert asked == {"fake-model", "w"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--out", "."], "is a folder: name a file"),
        (["--out", "corpus.jsonl/report.md"], "no folder can be made there"),
        (["--dialect", "search_r1"], "'search_r1' writes no reports"),
        (["--condenser", "magic"], "setting condenser: "),
        (["--set", "writer_documents=many"], "setting writer_documents"),
        (["--writer-model", "nobody"], "nobody"),
    ],
)
def test_bad_input_is_said_before_a_model_writes(report, fake_server, arguments, said):
    done = report(*arguments)
    assert done.code == 1
    assert said in done.complaint
    assert not fake_server.generations()


def test_no_report_is_an_error(report):
    done = report(turns=[FINISHED])
    assert done.code == 1
    assert "no report was written (answered)" in done.complaint


def test_a_run_that_breaks_off_leaves_what_was_written(report, files, fake_server):
    left = script(TURNS)

    def reply(prompt):
        if len([r for r in fake_server.generations() if not step_of(r["prompt"])]) == 3:
            fake_server.fail(400, "out of order", times=9)
        return left(prompt)

    done = report("--out", "report.md", reply=reply)
    assert done.code == 1
    assert "the report is what was written before the run broke off" in done.complaint
    assert "out of order" in done.complaint
    assert "is Lima [1]" in (files / "report.md").read_text()


def test_a_report_that_rests_on_no_search_is_kept_and_an_error(report, files):
    done = report("--out", "report.md", "--search", "http:http://127.0.0.1:9")
    assert done.code == 1
    assert "the report rests on no search" in done.complaint
    assert "## The capital" in (files / "report.md").read_text()
