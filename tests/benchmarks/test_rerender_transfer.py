"""The transfer between dialects at toy size: real world, teacher, search and tables."""

from __future__ import annotations

import importlib
import io
import json
import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from langgraph_deepsearch.graph.deep_search import create_deep_search_agent
from langgraph_deepsearch.loop import Loop, loop_preset
from langgraph_deepsearch.nodes.dialects import get_dialect, list_dialects
from langgraph_deepsearch.questions import read_questions
from langgraph_deepsearch.trace import read_traces
from langgraph_deepsearch.training.sft import SftConfig
from langgraph_deepsearch.world.teacher import DecompositionTeacher, TeacherErrors

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def transfer():
    sys.path.insert(0, str(BENCHMARKS))
    yield importlib.import_module("rerender_transfer")
    sys.path.remove(str(BENCHMARKS))


class TaughtLoop(Loop):
    """A loop whose model is the teacher: all its files, and no training."""

    def _train(self, start, parent, directory):
        (directory / "model").mkdir(exist_ok=True)

    @contextmanager
    def _server(self, model, name):
        yield lambda: None

    def _evaluate(self, column, server):
        questions = self._questions("test")
        errors = TeacherErrors(0, 0.3, 0, 0)
        teacher = DecompositionTeacher.for_questions(questions, errors=errors)
        self._rollouts(teacher, questions, f"{column}.jsonl")
        self._log.note(column, engine="transformers")

    def _with_summarizer(self, trained, summarizer):
        self._evaluate("reason_in_documents", trained)


OWN, ASKED = 5, 7
"""Test questions of the loop, and of the comparison: two are of the second world."""


@pytest.fixture(scope="module")
def loop(tmp_path_factory):
    directory = tmp_path_factory.mktemp("loops") / "desk"
    preset = loop_preset("tiny", engine="transformers")
    config = replace(
        preset,
        pages=200,
        train_questions=20,
        test_questions=OWN,
        base_model=directory.parent,
        training=SftConfig(seed=0, learning_rate=0.001),
    )
    TaughtLoop(config, directory, Console(file=io.StringIO())).run()
    return directory


class FakeLab:
    """A model that answers as the teacher does, wrong in one dialect."""

    def __init__(self, fails_at=None):
        self.trained, self.answered = [], []
        self._fails_at = fails_at

    def train(self, traces, base, out, config):
        if len(self.trained) == self._fails_at:
            raise KeyboardInterrupt
        runs = list(read_traces(traces))
        self.trained.append((out.parent.name, len(runs), config, base))
        out.mkdir(parents=True)

    def answer(self, model, exams, out, runs, engine):
        from desk_runs import roll_out, run_settings

        self.answered.append((out.parent.name, [exam.name for exam in exams], engine))
        dialect = runs.settings["dialect"]
        wrong = 1.0 if dialect == "r1_searcher" else 0.0
        for exam in exams:
            teacher = DecompositionTeacher.for_questions(
                exam.questions, dialect=dialect, errors=TeacherErrors(0, 0, 0, wrong)
            )
            settings = run_settings(runs, exam.url, out / exam.name)
            agent = create_deep_search_agent(teacher, **settings)
            roll_out(agent, exam.questions, out / exam.name, runs)


def arguments(out, loop, *more):
    base = ["--out", str(out), "--loop", str(loop), "--questions", str(ASKED)]
    return [*base, "--to", "search_r1", "r1_searcher", "--seeds", "0", "1", *more]


@pytest.fixture(scope="module")
def finished(transfer, loop, tmp_path_factory):
    """Run all cells, with one interruption on the way."""
    out = tmp_path_factory.mktemp("transfer")
    first, second = FakeLab(fails_at=2), FakeLab()
    with pytest.raises(KeyboardInterrupt):
        transfer.main(arguments(out, loop), first)
    transfer.main(arguments(out, loop), second)
    cells = {f.stem: json.loads(f.read_text()) for f in (out / "cells").glob("*.json")}
    return out, cells, (first, second)


def test_every_cell_is_there_once_and_the_loops_own_is_not_trained(finished, loop):
    out, cells, labs = finished
    names = {
        f"{dialect}-desk-s{seed}"
        for dialect in ("simple_deep_searcher", "search_r1", "r1_searcher")
        for seed in (0, 1)
    }
    own = "simple_deep_searcher-desk-s0"
    assert set(cells) == names
    trained = [cell for lab in labs for cell, *_ in lab.trained]
    assert sorted(trained) == sorted(names - {own})
    assert [name for name, cell in cells.items() if cell["taken_from_loop"]] == [own]
    assert all(len(cell["runs"]) == ASKED for cell in cells.values())
    asked = [
        [sorted(r["id"] for r in cell["runs"]), cell["engine"]] for cell in cells.values()
    ]
    assert all(one == asked[0] for one in asked)
    by_cell = {cell: exams for lab in labs for cell, exams, _ in lab.answered}
    assert by_cell[own] == ["extra"]  # its test questions were answered in the loop
    assert by_cell["search_r1-desk-s0"] == ["own", "extra"]
    assert not list(out.glob("cells/*/model"))
    assert (loop / "model").is_dir()


def test_the_loops_runs_are_taken_as_they_are(finished, loop):
    _, cells, _ = finished
    runs = {run["id"]: run for run in cells["simple_deep_searcher-desk-s0"]["runs"]}
    for trace in read_traces(loop / "after.jsonl"):
        assert runs[f"desk/{trace.question_id}"]["f1"] == trace.outcome["f1"]


def test_models_are_trained_on_the_same_traces_in_their_own_words(finished, loop):
    out, cells, labs = finished
    curated = list(read_traces(loop / "curated.jsonl"))
    for name, cell in cells.items():
        if cell["taken_from_loop"]:
            continue
        traces = list(read_traces(out / "cells" / name / "train.jsonl"))
        assert [t.id for t in traces] == [t.id for t in curated]
        assert {t.dialect for t in traces} == {cell["dialect"]}
        assert [t.answer for t in traces] == [t.answer for t in curated]
        assert cell["left_out"] == []
    for name, count, config, base in (x for lab in labs for x in lab.trained):
        assert count == len(curated)
        assert config == SftConfig(seed=int(name[-1]), learning_rate=0.001)
        assert base == loop.parent


def test_runs_differ_in_the_dialect_alone(finished, loop):
    out, *_ = finished
    after = next(read_traces(loop / "after.jsonl"))
    answers = read_traces(out / "cells" / "search_r1-desk-s0" / "answers" / "own")
    there = next(trace for trace in answers if trace.question_id == after.question_id)
    places = ("search", "cache_dir")
    assert differing(after.settings, there.settings, *places) == {"dialect", "limits"}
    limits = (trace.settings["limits"] for trace in (after, there))
    assert differing(*limits) == {"invalid"}  # turns without an action: the dialect's own


def differing(one, other, *but):
    return {key for key in one if key not in but and one[key] != other[key]}


def test_extra_questions_are_held_out(finished, loop):
    out, *_ = finished
    known = {q.question for q in read_questions(loop / "world" / "train.jsonl")}
    extra = list(read_traces(out / "cells" / "search_r1-desk-s0" / "answers" / "extra"))
    assert len(extra) == ASKED - OWN
    assert not known & {trace.question for trace in extra}


def test_rows_have_paired_differences_and_intervals(finished):
    out, cells, _ = finished
    record = json.loads((out / "transfer.json").read_text())
    assert record["cells_left"] == 0
    base, *others = record["rows"]
    assert (base["dialect"], base["is_base"], base["minus_base"]) == (
        "simple_deep_searcher", True, None,
    )  # fmt: skip
    assert [row["dialect"] for row in others] == ["r1_searcher", "search_r1"]
    for row in others:
        gap = row["minus_base"]["f1"]
        assert gap["mean"] == pytest.approx(row["f1"]["mean"] - base["f1"]["mean"])
        assert gap["interval"][0] <= gap["mean"] <= gap["interval"][1]
        for one in row["by_seed"]:
            own = cells[f"{row['dialect']}-desk-s{one['seed']}"]["f1"]
            other = cells[f"simple_deep_searcher-desk-s{one['seed']}"]["f1"]
            assert one["minus_base"]["f1"]["mean"] == pytest.approx(own - other)
            assert one["n"] == ASKED
    wrong = next(row for row in others if row["dialect"] == "r1_searcher")
    assert wrong["minus_base"]["f1"]["mean"] < -0.2
    text = (out / "transfer.md").read_text()
    assert "simple_deep_searcher (the traces' own)" in text
    assert "not done yet" not in text


def test_all_means_every_inline_dialect_on_as_many_traces(transfer, loop, tmp_path):
    lab = FakeLab()
    transfer.main(
        [
            *("--out", str(tmp_path), "--loop", str(loop), "--to", "all", "--seeds", "0"),
            *("--questions", "2", "--traces", "3", "--keep-models"),
        ],
        lab,
    )
    inline = [n for n in list_dialects() if get_dialect(n).layout == "inline"]
    assert [cell for cell, *_ in lab.trained] == [f"{n}-desk-s0" for n in inline]
    assert {count for _, count, *_ in lab.trained} == {3}
    rows = json.loads((tmp_path / "transfer.json").read_text())["rows"]
    assert sorted(row["dialect"] for row in rows) == sorted(inline)
    for row in rows:
        assert row["minutes"] > 0
        assert row["by_seed"][0]["n"] == 2
    assert len(list(tmp_path.glob("cells/*/model"))) == len(inline)
    ids = {
        tuple(
            t.id
            for t in read_traces(tmp_path / "cells" / f"{name}-desk-s0" / "train.jsonl")
        )
        for name in inline
    }
    assert len(ids) == 1


def test_the_plan_runs_nothing(transfer, loop, finished, tmp_path, capsys):
    out, *_ = finished
    transfer.main(arguments(out, loop, "--plan"))
    assert json.loads(capsys.readouterr().out)["minutes_left"] == {}
    transfer.main(arguments(tmp_path, loop, "--plan", "--cells", "search_r1-*"))
    planned = json.loads(capsys.readouterr().out)
    assert set(planned["minutes_left"]) == {"search_r1-desk-s0", "search_r1-desk-s1"}
    transfer.main(["--out", str(tmp_path), "--plan"])
    assert "runs first" in capsys.readouterr().out
    assert not list(tmp_path.iterdir())


def test_mistakes_are_one_line(transfer, loop, finished, tmp_path):
    out, *_ = finished
    with pytest.raises(SystemExit, match="no cell is called like moon"):
        transfer.main(arguments(tmp_path, loop, "--cells", "moon"))
    with pytest.raises(SystemExit, match="'web_dancer' places results as turns"):
        transfer.main([*arguments(tmp_path, loop), "--to", "web_dancer"])
    with pytest.raises(SystemExit, match="holds no finished loop: run `deepsearch loop"):
        transfer.main(arguments(tmp_path, tmp_path / "gone"))
    with pytest.raises(SystemExit, match="was started with questions=7, now it is 6"):
        transfer.main([*arguments(out, loop), "--questions", "6"], FakeLab())
    with pytest.raises(SystemExit, match="two loops have folders of one name"):
        transfer.main([*arguments(tmp_path, loop), "--loop", str(loop), str(loop)])
    with pytest.raises(SystemExit, match="lower --traces"):
        transfer.main(arguments(tmp_path / "t", loop, "--traces", "4000"), FakeLab())


@pytest.mark.slow
def test_the_real_lab_trains_serves_and_answers(transfer, tiny_model, tmp_path):
    preset = loop_preset("tiny", engine="transformers")
    short = {"max_turns": 3, "max_turn_tokens": 16, "evidence_chars": 60}
    config = replace(
        preset,
        pages=200,
        train_questions=12,
        test_questions=2,
        summarizer_questions=1,
        base_model=tiny_model,
        training=SftConfig(batch_size=4, dtype="float32", max_length=1024),
        settings={**preset.settings, **short},
    )
    Loop(config, tmp_path / "desk", Console(file=io.StringIO())).run()
    transfer.main(
        [
            *("--out", str(tmp_path / "out"), "--loop", str(tmp_path / "desk")),
            *("--questions", "3", "--seeds", "0"),
        ]
    )
    cells = [json.loads(f.read_text()) for f in (tmp_path / "out" / "cells").glob("*.json")]
    assert {cell["name"] for cell in cells} == {
        "simple_deep_searcher-desk-s0",
        "search_r1-desk-s0",
    }
    assert [len(cell["runs"]) for cell in cells] == [3, 3]
    trained = next(cell for cell in cells if not cell["taken_from_loop"])
    assert trained["training_seconds"] > 0
    answers = tmp_path / "out" / "cells" / "search_r1-desk-s0" / "answers"
    for trace in read_traces(answers / "own"):
        assert (trace.model, trace.dialect) == ("transfer-search_r1-desk-s0", "search_r1")
