"""The curation pipeline on real files."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from langgraph_deepsearch.curation.correction import correct_answer_form
from langgraph_deepsearch.curation.difficulty import Difficulty
from langgraph_deepsearch.curation.filters import Correct
from langgraph_deepsearch.curation.pipeline import NothingKeptError, curate
from langgraph_deepsearch.curation.presets import DESK, REFERENCE, CurationChoiceError
from langgraph_deepsearch.nodes.dialects import UnknownDialectError
from langgraph_deepsearch.trace import TraceFileError, read_traces, write_traces

FREE = replace(REFERENCE, difficulty=None)


def kept_ids(directory):
    return [trace.id for trace in read_traces(directory / "curated.jsonl")]


def a_heap(build, questions=12, rollouts=4):
    """Return runs of mixed quality: wrong, hedging, repeating, with more searches."""
    heap = []
    for q in range(questions):
        for r in range(rollouts):
            kind = (q + r) % 4
            fields = [
                {},
                {"answer": "\n\n\\boxed{\\text{Lyon}}"},
                {"closing": "wait, wait, wait, wait</think>"},
                {"queries": ("a", "b")},
            ][kind]
            heap.append(build(f"q{q}-{r}", question_id=f"q{q}", rollout=r, **fields))
    return heap


def test_fewest_searches_win_and_the_report_adds_up(build, tmp_path):
    file = tmp_path / "traces.jsonl"
    heap = a_heap(build)
    write_traces(file, heap)
    report = curate(file, tmp_path / "out", preset=FREE)
    assert set(kept_ids(tmp_path / "out")) <= {trace.id for trace in heap}
    assert report.kept == 12
    assert all(len(t.searches) == 1 for t in read_traces(report.output))
    data = json.loads((tmp_path / "out" / "curation.json").read_text())
    assert data["read"] == 48
    steps = data["filters"]
    assert steps[0]["seen"] == 48
    for before, after in pairwise(steps):
        assert before["kept"] == before["seen"] - before["removed"] == after["seen"]
    assert steps[-1]["kept"] == data["valid"] == data["kept"] + data["not_selected"]
    removed = {step["name"]: step for step in steps if step["removed"]}
    assert set(removed) == {"correct", "wait"}
    assert removed["correct"]["removed"] == 12
    assert "Lyon" in removed["correct"]["examples"][0]["reason"]
    assert data["preset"]["filters"]["wait"] == {"limit": 3}
    assert len(data["inputs"][0]["sha256"]) == 64


def test_ties_go_to_more_distinct_sources_then_shorter_text(build, tmp_path):
    runs = [
        build("long", closing="So it must be Paris then.</think>"),
        build("few", documents=9),
        build("short", closing="Paris.</think>"),
    ]
    curate(runs, tmp_path, preset=FREE)
    assert kept_ids(tmp_path) == ["short"]


def test_without_path_control_long_runs_are_kept_as_often_as_they_are_made(build, tmp_path):
    """Else a tie of all other things would do the work of the filters left out."""
    hedged = "Wait, let me think. Wait, it is so. Wait, wait, Paris.</think>"
    runs = [
        build(f"q{q}-{r}", question_id=f"q{q}", rollout=r, **extra)
        for q in range(20)
        for r in range(2)
        for extra in [{"closing": hedged} if (q + r) % 2 else {}]
    ]
    curate(runs, tmp_path / "with", preset=FREE)
    curate(runs, tmp_path / "without", preset=FREE.without(["path"]))
    kept = {side: kept_ids(tmp_path / side) for side in ("with", "without")}
    assert all((int(i[1:-2]) + int(i[-1])) % 2 == 0 for i in kept["with"])
    assert all(i.endswith("-0") for i in kept["without"])
    assert len(kept["with"]) == len(kept["without"]) == 20


def test_hard_questions_come_first(build, tmp_path):
    wrong = {"answer": "\n\n\\boxed{Lyon}"}
    runs = [
        build("easy", question_id="a"),
        build("hard", question_id="b"),
        build("hard2", question_id="b", **wrong),
    ]
    curate(runs, tmp_path, preset=FREE)
    assert kept_ids(tmp_path) == ["hard", "easy"]
    curate(runs, tmp_path, preset=FREE, max_records=1)
    assert kept_ids(tmp_path) == ["hard"]


def test_corrections_are_written_and_counted(build, tmp_path):
    runs = [build("x", answer="\n\n\\boxed{\\text{Paris}} surely", token_ids=True)]
    report = curate(runs, tmp_path, preset=FREE)
    [trace] = read_traces(tmp_path / "curated.jsonl")
    assert trace.segments[-1].text == "\n\n\\boxed{Paris}"
    assert trace.exactness == "text"
    assert trace.outcome["em"] == 1
    assert report.corrected == 1
    assert report.corrections == {"answer form": 1, "text after the answer": 1}


def test_verdicts_suffice_without_golds(build, tmp_path):
    runs = [
        build("good", golds=(), outcome={"judge": 1.0}),
        build("bad", golds=(), outcome={"user": 0.0}),
        build("unknown", golds=()),
    ]
    report = curate(runs, tmp_path, preset=FREE)
    assert kept_ids(tmp_path) == ["good"]
    assert report.unjudged == 1
    curate(runs, tmp_path, preset=FREE, without=["correct"], keep_per_question=3)
    assert set(kept_ids(tmp_path)) == {"good", "bad", "unknown"}


def test_the_presets_measure_says_what_is_right_everywhere(build, tmp_path):
    wordy = {"outcome": {"acc": 0.0, "judge": 1.0}}
    runs = [build(f"q/{r}", rollout=r, **wordy) for r in range(4)]
    ours = replace(FREE, filters=(Correct(measures=("judge", "acc")),), final_filters=())
    for without in ((), ("correct",)):
        report = curate(runs, tmp_path, preset=ours, without=without)
        assert report.difficulty_histogram["0.9-1.0"] == 1
        assert report.before.groups["outcome"] == {"right": 4}
        assert report.after.groups["outcome"] == {"right": 1}


def test_one_rollout_measures_no_difficulty(build, tmp_path):
    runs = [build(f"t{i}", question_id=f"q{i}") for i in range(64)]
    assert curate(runs, tmp_path).kept == 64


def test_nearly_always_right_questions_are_mostly_dropped(build, tmp_path):
    runs = [build(f"t{i}-{r}", question_id=f"q{i}") for i in range(100) for r in (0, 1)]
    report = curate(runs, tmp_path)
    assert 8 <= report.kept <= 35
    assert report.difficulty.seen == 100
    assert report.difficulty.removed == 100 - report.kept
    assert curate(runs, tmp_path, without=["difficulty"]).kept == 100


def test_difficulty_thresholds_and_probability():
    rule = Difficulty(min_ratio=0.125, max_ratio=0.75)
    assert rule.reason("q", 0, 8)
    assert rule.reason("q", 7, 8)
    assert rule.reason("q", 6, 8) is None
    dropped = sum(Difficulty().reason(f"q{i}", 8, 8) is not None for i in range(2000))
    assert 0.77 < dropped / 2000 < 0.83


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(seed=st.integers(0, 10_000))
def test_result_does_not_depend_on_the_order_of_traces(build, tmp_path, seed):
    heap = a_heap(build, questions=5)
    directory = tmp_path
    first = curate(heap, directory, preset="reference")
    kept, counts = kept_ids(directory), [(f.name, f.removed) for f in first.filters]
    random.Random(seed).shuffle(heap)
    second = curate(heap, directory, preset="reference")
    assert kept_ids(directory) == kept
    assert [(f.name, f.removed) for f in second.filters] == counts


def test_valid_traces_do_not_depend_on_the_order_of_filters(build, tmp_path):
    heap = a_heap(build)
    turned = replace(FREE, filters=tuple(reversed(FREE.filters)))
    one, other = curate(heap, tmp_path, preset=FREE), curate(heap, tmp_path, preset=turned)
    assert one.valid == other.valid
    assert kept_ids(tmp_path) == kept_ids(one.output.parent)


def test_final_filters_give_no_second_choice_in_the_reference(build, tmp_path):
    runs = [
        build("verbose", answer="\n\n\\boxed{Paris in France}"),
        build("exact", queries=("capital", "France")),
    ]
    with pytest.raises(NothingKeptError, match="exact_match"):
        curate(runs, tmp_path, preset=FREE)
    curate(runs, tmp_path, preset=replace(DESK, difficulty=None))
    assert kept_ids(tmp_path) == ["exact"]


def test_a_trace_that_comes_twice_counts_once(build, tmp_path):
    runs = [build("x"), build("x")]
    report = curate(runs, tmp_path, preset=FREE, keep_per_question=5)
    assert (report.kept, report.duplicates) == (1, 1)


def test_runs_of_two_directories_may_share_an_id(build, tmp_path):
    write_traces(tmp_path / "a" / "traces.jsonl", [build("q1/0", queries=("a", "b"))])
    own = [build("q1/0"), build("q1/1", queries=("a", "b"), model="own")]
    write_traces(tmp_path / "b" / "traces.jsonl", own)
    folders = [tmp_path / "a", tmp_path / "b", tmp_path / "b"]
    report = curate(folders, tmp_path / "out", preset=FREE, keep_per_question=9)
    assert (report.read, report.duplicates, report.kept) == (5, 2, 3)


def test_two_questions_with_one_id_are_two(build, tmp_path):
    ours = [build(f"0/{r}", question_id="0", rollout=r) for r in range(2)]
    asked = {"question": "What is the capital of Italy?", "golds": ["Rome"]}
    theirs = [build(f"0/{r}", question_id="0", rollout=r, **asked) for r in range(2)]
    theirs[0] = build("0/0", question_id="0", answer="\n\n\\boxed{Rome}", **asked)
    for name, runs in (("a", ours), ("b", theirs)):
        write_traces(tmp_path / name / "traces.jsonl", runs)
    report = curate([tmp_path / "a", tmp_path / "b"], tmp_path / "out", preset=FREE)
    assert (report.questions, report.duplicates) == (2, 0)
    kept = read_traces(tmp_path / "out" / "curated.jsonl")
    assert {trace.question for trace in kept} == {ours[0].question, asked["question"]}
    assert report.difficulty_histogram["0.5-0.6"] == 1, "verdicts were not merged"


def test_several_files_and_directories_are_read(build, tmp_path):
    write_traces(tmp_path / "a" / "traces.jsonl", [build("a", question_id="a")])
    write_traces(tmp_path / "b.jsonl", [build("b", question_id="b")])
    report = curate([tmp_path / "a", tmp_path / "b.jsonl"], tmp_path / "out")
    assert report.kept == 2
    assert len(report.inputs) == 2


def test_dimensions_can_be_left_out(build, tmp_path):
    heap = a_heap(build)
    report = curate(heap, tmp_path, preset=FREE, without=["path"])
    assert "path" not in {f.dimension for f in (*report.filters, *report.final_filters)}
    assert next(f.removed for f in report.filters if f.name == "correct")
    report = curate(heap, tmp_path, preset=FREE, without=["selection"])
    assert report.kept == report.valid
    report = curate(heap, tmp_path, preset=FREE, without=["effectiveness"])
    assert kept_ids(tmp_path)[0].endswith(("-0", "-3", "-1"))


@pytest.mark.parametrize(
    ("change", "expected"),
    [({"without": ["nonsense"]}, "known: markers"), ({"preset": "x"}, "reference, desk")],
)
def test_unknown_names_are_refused_in_one_line(build, tmp_path, change, expected):
    with pytest.raises(CurationChoiceError, match=expected) as caught:
        curate([build()], tmp_path, **change)
    assert "\n" not in str(caught.value)


def test_nothing_kept_says_why_and_still_reports(build, tmp_path):
    with pytest.raises(NothingKeptError, match="'correct' removed 1") as caught:
        curate([build(golds=("Rome",))], tmp_path)
    assert "\n" not in str(caught.value)
    assert "earlier" not in str(caught.value)
    data = json.loads((tmp_path / "curation-empty.json").read_text())
    assert data["why_empty"]
    assert data["output"] is None
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"curation-empty.json", "curation-empty.html"}


def test_nothing_kept_leaves_an_earlier_result_and_its_report_alone(build, tmp_path):
    curate([build()], tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(NothingKeptError) as caught:
        curate([build(golds=("Rome",))], tmp_path)
    assert {path: path.read_bytes() for path in before} == before
    assert "curation-empty.json; the earlier curated.jsonl stays" in str(caught.value)
    assert json.loads((tmp_path / "curation-empty.json").read_text())["kept"] == 0
    curate([build("t2")], tmp_path)
    assert set(tmp_path.iterdir()) == set(before)


def test_the_result_never_replaces_its_own_input(build, tmp_path):
    file = tmp_path / "curated.jsonl"
    write_traces(file, [build("good"), build("wrong", golds=("Rome",))])
    before = file.read_bytes()
    with pytest.raises(TraceFileError, match="another --out"):
        curate(tmp_path / "." / "curated.jsonl", tmp_path)
    assert file.read_bytes() == before


def test_empty_input_says_so(tmp_path):
    (tmp_path / "traces.jsonl").touch()
    with pytest.raises(NothingKeptError, match="no traces"):
        curate(tmp_path, tmp_path / "out")
    with pytest.raises(NothingKeptError, match="no traces"):
        curate([], tmp_path / "out")


def test_bad_files_leave_an_earlier_result_alone(build, tmp_path):
    file = tmp_path / "traces.jsonl"
    write_traces(file, [build("a", question_id="a"), build("b", question_id="b")])
    curate(file, tmp_path / "out")
    before = (tmp_path / "out" / "curated.jsonl").read_bytes()
    with file.open("a") as lines:
        lines.write('{"id": 7}\n')
    with pytest.raises(TraceFileError, match=r"traces\.jsonl:3: not a trace"):
        curate(file, tmp_path / "out")
    with pytest.raises(TraceFileError, match="no trace file"):
        curate(tmp_path / "absent", tmp_path / "out")
    assert (tmp_path / "out" / "curated.jsonl").read_bytes() == before


def test_a_torn_last_line_is_no_trace(build, tmp_path):
    file = tmp_path / "traces.jsonl"
    write_traces(file, [build("a")])
    with file.open("a") as lines:
        lines.write('{"id": "torn')
    with pytest.warns(RuntimeWarning, match="breaks off and is left out"):
        assert curate(file, tmp_path / "out").kept == 1


def test_a_last_line_that_lacks_its_newline_alone_is_a_trace(build, tmp_path):
    file = tmp_path / "traces.jsonl"
    write_traces(file, [build("a", question_id="a"), build("b", question_id="b")])
    file.write_bytes(file.read_bytes().rstrip(b"\n"))
    assert curate(file, tmp_path / "out").kept == 2
    assert kept_ids(tmp_path / "out") == ["a", "b"]


def test_unknown_dialect_is_named(build, tmp_path):
    with pytest.raises(UnknownDialectError, match="klingon"):
        curate([build(dialect="klingon")], tmp_path)


def test_a_killed_run_leaves_the_old_result_whole(build, tmp_path):
    file, out = tmp_path / "traces.jsonl", tmp_path / "out"
    write_traces(file, [build("old")])
    curate(file, out)
    write_traces(file, (build(f"t{i}", question_id=f"q{i}") for i in range(4000)))
    code = (
        "import sys; from langgraph_deepsearch.curation.pipeline import curate; "
        "print('go', flush=True); curate(sys.argv[1], sys.argv[2])"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(file), str(out)], stdout=subprocess.PIPE
    )
    assert process.stdout.readline() == b"go\n"
    deadline = time.monotonic() + 30
    while not list(out.glob(".curated*.partial")) and time.monotonic() < deadline:
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert len(kept_ids(out)) in (1, 4000)
    assert curate(file, out).kept == 4000


def test_curated_answers_need_no_more_correction(build, dialect, tmp_path):
    curate(a_heap(build), tmp_path, preset=FREE)
    for trace in read_traces(tmp_path / "curated.jsonl"):
        assert correct_answer_form(trace, dialect, FREE.correction).kinds == ()
