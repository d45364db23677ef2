"""Verdicts given to a curation: a person's, a program's, a judge's."""

from __future__ import annotations

import json

import pytest

from langgraph_deepsearch.curation.pipeline import NothingKeptError, curate
from langgraph_deepsearch.curation.verdicts import VerdictError
from langgraph_deepsearch.evals.judge import Judge
from langgraph_deepsearch.evals.verdicts import Verdicts, verdict_key
from langgraph_deepsearch.trace import read_traces, write_traces


@pytest.fixture
def asked(build, tmp_path):
    """Three runs without gold answers."""
    made = [build(f"q{n}/0", question_id=f"q{n}", golds=()) for n in range(3)]
    write_traces(tmp_path / "traces.jsonl", made)
    return tmp_path


def outcomes(directory):
    return {trace.id: trace.outcome for trace in read_traces(directory / "curated.jsonl")}


def test_a_persons_verdicts_stand_in_for_gold_answers(asked, jsonl):
    records = [
        {"id": "q0/0", "correct": False},
        {"id": "q1/0", "correct": 0.5, "note": "good enough", "run": 3},
        {"id": "q0/0", "correct": True},  # thought better of it
        {"id": "q2/0", "correct": 0},
        {"id": "other", "correct": True},
    ]
    file = jsonl(asked / "mine.jsonl", records)
    report = curate(asked, asked, verdicts=file)
    assert outcomes(asked) == {"q0/0": {"user": 1.0}, "q1/0": {"user": 0.5}}
    data = json.loads((asked / "curation.json").read_text())
    told = data["verdicts"]
    assert (told["kind"], told["given"], told["used"], told["traces"]) == ("user", 4, 3, 3)
    assert (told["path"], told["bytes"]) == (str(file), file.stat().st_size)
    assert data["preset"]["filters"]["correct"]["measures"][0] == "user"
    assert (report.unjudged, report.filters[2].removed) == (0, 1)
    assert "3 of 4 verdicts used" in (asked / "curation.html").read_text()
    assert curate(asked, asked / "none", without=["correct"]).verdicts is None


def test_a_verdict_comes_before_the_gold_answers(build, tmp_path, jsonl):
    runs = [build("a", question_id="a"), build("b", question_id="b", golds=("Rome",))]
    runs.append(build("c", question_id="c"))
    records = [{"id": "a", "correct": False}, {"id": "b", "correct": True}]
    report = curate(runs, tmp_path, verdicts=jsonl(tmp_path / "v.jsonl", records))
    found = outcomes(tmp_path)
    assert set(found) == {"b", "c"}
    assert (found["b"]["user"], found["b"]["acc"]) == (1.0, 0.0)
    assert report.before.groups["outcome"] == {"wrong": 1, "right": 2}


class Says(Judge):
    """Calls the answers it is given right or wrong."""

    def __init__(self, verdict):
        super().__init__(None)
        self.verdict = verdict

    async def judge(self, question, golds, prediction):
        return self.verdict


def judge_all(directory, name, verdict):
    verdicts = Verdicts(Says(verdict), name, directory)
    return list(verdicts.on(read_traces(directory)))


def test_what_an_evaluation_writes_is_taken_as_it_is(build, tmp_path):
    runs = [build("a", question_id="a", golds=("Rome",)), build("b", golds=())]
    write_traces(tmp_path / "traces.jsonl", runs)
    judge_all(tmp_path, "judge", "correct")
    report = curate(tmp_path, tmp_path / "out", verdicts=tmp_path)
    assert outcomes(tmp_path / "out")["a"] == {
        "judge": 1.0,
        "acc": 0.0,
        "em": 0.0,
        "f1": 0.0,
    }
    assert (report.verdicts["kind"], report.verdicts["used"]) == ("judge", 1)
    judge_all(tmp_path, "later", "incorrect")
    with (tmp_path / "verdicts.jsonl").open("a") as torn:
        torn.write('{"run": "abc')
    with pytest.raises(NothingKeptError, match="'correct' removed 2"):
        curate(tmp_path, tmp_path / "out", verdicts=tmp_path / "verdicts.jsonl")
    other = build("a", question_id="a", golds=("Rome",), answer="\n\n\\boxed{Oslo}")
    with pytest.raises(VerdictError, match=r"none of the 2 verdicts .* question, gold"):
        curate([other], tmp_path / "x", verdicts=tmp_path)


def test_an_earlier_versions_file_is_completed_by_the_same_evaluation(build, tmp_path):
    run = build(golds=("Rome",))
    write_traces(tmp_path / "traces.jsonl", [run])
    file = tmp_path / "verdicts.jsonl"
    file.write_text(json.dumps({"run": verdict_key("judge", run), "judge": 1.0}) + "\n")
    with pytest.raises(VerdictError, match="run the same `deepsearch evaluate` again"):
        curate(tmp_path, tmp_path / "out", verdicts=file)
    for _ in range(2):
        assert judge_all(tmp_path, "judge", "incorrect")[0].outcome["judge"] == 1.0
    assert len(file.read_text().splitlines()) == 2
    assert curate(tmp_path, tmp_path / "out", verdicts=file).kept == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "no verdicts at"),
        ("", "holds no verdicts"),
        ('{"id": "q0/0"}\n', r"v.jsonl:1 is no verdict: write"),
        ('{"id": "q0/0", "correct": true}\n{"id', "v.jsonl:2 is no verdict"),
        ('{"id": "q0/0", "correct": "yes"}\n', "v.jsonl:1 is no verdict"),
        ('{"id": "q0/0", "correct": 2}\n', "v.jsonl:1 is no verdict"),
        ('{"id": "q0/0", "correct": NaN}\n', "v.jsonl:1 is no verdict"),
        ('{"id": 0, "correct": true}\n', "v.jsonl:1 is no verdict"),
        ('"run away"\n', "v.jsonl:1 is no verdict"),
        ("q0/0,true\n", "v.jsonl:1 is no verdict"),
        (
            '{"id": "x", "correct": true}\n',
            "none of the 1 verdicts .* id is that of a trace",
        ),
        ('{"id": "x", "correct": 1}\n{"run": "a", "judge": 1}\n', "v.jsonl:2 mixes"),
    ],
)
def test_what_is_no_verdict_is_one_line_and_writes_nothing(asked, text, said):
    file = asked / "v.jsonl"
    if text is not None:
        file.write_text(text)
    curate(asked, asked / "out", without=["correct"])
    before = {path: path.read_bytes() for path in (asked / "out").iterdir()}
    with pytest.raises(VerdictError, match=said) as caught:
        curate(asked, asked / "out", verdicts=file)
    assert "\n" not in str(caught.value)
    assert {path: path.read_bytes() for path in (asked / "out").iterdir()} == before


def test_a_verdict_on_an_id_that_two_traces_have_is_refused(build, tmp_path, jsonl):
    for name in ("one", "two"):
        write_traces(tmp_path / name / "traces.jsonl", [build("a", model=name, golds=())])
    file = jsonl(tmp_path / "v.jsonl", [{"id": "a", "correct": True}])
    with pytest.raises(VerdictError, match="two traces have the id 'a'"):
        curate([tmp_path / "one", tmp_path / "two"], tmp_path, verdicts=file)
    # The same trace twice is one.
    curate([tmp_path / "one", tmp_path / "one"], tmp_path, verdicts=file)
    assert list(outcomes(tmp_path)) == ["a"]


def test_without_a_verdict_the_way_to_one_is_named(asked):
    with pytest.raises(NothingKeptError, match=r"--verdicts FILE .* --without correct"):
        curate(asked, asked)
