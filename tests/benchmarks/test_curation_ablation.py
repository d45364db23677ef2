"""The curation comparison at toy size: real world, teacher, search, curation and tables."""

from __future__ import annotations

import importlib
import json
import shutil
import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from langgraph_deepsearch.graph.deep_search import create_deep_search_agent
from langgraph_deepsearch.trace import read_traces
from langgraph_deepsearch.training.config import SftConfig
from langgraph_deepsearch.world.teacher import DecompositionTeacher, TeacherErrors

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def ablation():
    sys.path.insert(0, str(BENCHMARKS))
    yield importlib.import_module("curation_ablation")
    sys.path.remove(str(BENCHMARKS))


SIZE = "--pages 200 --train-questions 40 --test-questions 4 --sizes 4 --seeds 0 1".split()


class FakeLab:
    """A model that errs as often as its training traces were wrong or hedged."""

    def __init__(self, ablation, fails_at=None):
        self._ablation = ablation
        self.trained = []
        self._fails_at = fails_at

    def train(self, traces, out, seed, config):
        if len(self.trained) == self._fails_at:
            raise KeyboardInterrupt
        runs = list(read_traces(traces))
        self.trained.append((traces.parent.name, len(runs), seed))
        out.mkdir(parents=True, exist_ok=True)
        wrong = sum(run.outcome["em"] < 1 for run in runs) / len(runs)
        (out / "wrong.json").write_text(json.dumps(wrong))
        return out

    def answer(self, model, questions, out, config, url):
        wrong = json.loads((model / "wrong.json").read_text())
        errors = TeacherErrors(0, wrong, 0, wrong)
        teacher = DecompositionTeacher.for_questions(questions, errors=errors)
        settings = self._ablation.run_settings(config, url, out)
        agent = create_deep_search_agent(teacher, **settings)
        self._ablation.roll_out(agent, questions, out, config)


@pytest.fixture(scope="module")
def finished(ablation, tmp_path_factory):
    """Run all cells, with one interruption on the way; return the directory and the lab."""
    out = tmp_path_factory.mktemp("ablation")
    first, second = FakeLab(ablation, fails_at=2), FakeLab(ablation)
    with pytest.raises(KeyboardInterrupt):
        ablation.main(["--out", str(out), *SIZE], first)
    ablation.main(["--out", str(out), *SIZE], second)
    return out, first, second


def test_every_cell_is_trained_once_over_an_interruption(finished):
    out, first, second = finished
    cells = [
        json.loads(file.read_text()) for file in sorted((out / "cells").glob("*.json"))
    ]
    assert len(cells) == 12
    trained = [name for name, size, seed in (*first.trained, *second.trained)]
    assert len(trained) == len(set(trained))
    assert set(trained) == {cell["name"] for cell in cells if not cell["same_data_as"]}
    assert all(size == 4 for _, size, _ in second.trained)
    assert {len(cell["runs"]) for cell in cells} == {4}
    assert not list(out.glob("cells/*/model"))


def test_the_same_traces_and_seed_are_one_training(finished):
    out, first, second = finished
    cells = {f.stem: json.loads(f.read_text()) for f in (out / "cells").glob("*.json")}
    trained = [name for name, *_ in (*first.trained, *second.trained)]
    by_data = {}
    for cell in cells.values():
        by_data.setdefault((cell["seed"], cell["data_sha256"]), []).append(cell)
    for same in by_data.values():
        [source] = [cell["name"] for cell in same if cell["name"] in trained]
        assert all(cell["same_data_as"] in (None, source) for cell in same)
        assert all(cell["runs"] == cells[source]["runs"] for cell in same)
    assert len(trained) == len(by_data)


def test_rows_have_means_intervals_and_paired_differences(finished):
    out, *_ = finished
    record = json.loads((out / "ablation.json").read_text())
    assert record["cells_left"] == 0
    rows = {row["arm"]: row for row in record["rows"]}
    assert list(rows) == [
        "uncurated", "curated", "without_format", "without_path", "without_difficulty",
        "without_effectiveness",
    ]  # fmt: skip
    for row in rows.values():
        low, high = row["f1"]["interval"]
        assert low <= row["f1"]["mean"] <= high
        assert row["seeds"] == [0, 1]
        mean = sum(seed["f1"] for seed in row["by_seed"].values()) / 2
        assert row["f1"]["mean"] == pytest.approx(mean)
    assert rows["curated"]["minus_curated"] is None
    assert rows["curated"]["right"] == 4
    gap = rows["uncurated"]["minus_curated"]["f1"]["mean"]
    expected = rows["uncurated"]["f1"]["mean"] - rows["curated"]["f1"]["mean"]
    assert gap == pytest.approx(expected)
    assert rows["curated"]["minus_uncurated"]["f1"]["mean"] == pytest.approx(-expected)
    assert rows["uncurated"]["minus_uncurated"] is None


def test_the_table_says_where_traces_are_the_same(finished):
    out, *_ = finished
    table = (out / "ablation.md").read_text().splitlines()
    cells = {
        line.split(" | ")[0].strip("| "): line.split(" | ") for line in table[2:] if line
    }
    assert len({len(line) for line in cells.values()}) == 1
    form, raw = cells["without_format"], cells["uncurated"]
    assert form[7] == "the same traces"  # the teacher's form is never wrong
    assert raw[7] != "the same traces"
    assert form[3] == cells["curated"][3] == "4"


def test_plan_and_choice_of_cells(ablation, finished, tmp_path, capsys):
    out, *_ = finished
    ablation.main(["--out", str(out), *SIZE, "--plan"])
    assert json.loads(capsys.readouterr().out)["left"] == []
    ablation.main(["--out", str(tmp_path), "--plan", "--cells", "curated-n200-*"])
    planned = json.loads(capsys.readouterr().out)
    assert planned["cells"] == 3
    assert planned["left"][0] == "curated-n200-s0"
    assert 0.2 < planned["estimated_hours"] < 2
    (minutes,) = planned["minutes_a_cell"].values()
    assert planned["estimated_hours"] == pytest.approx(3 * minutes / 60, abs=0.02)
    assert not list(tmp_path.iterdir())
    with pytest.raises(SystemExit, match="no cell is called like moon"):
        ablation.main(["--out", str(tmp_path), "--plan", "--cells", "moon"])


def test_equal_tokens_repeat_the_traces_of_small_cells(ablation):
    config = ablation.Config(sizes=(100, 200), equal_tokens=True, epochs=1.0)
    small, large = (ablation.Cell("curated", size, 0) for size in (100, 200))
    assert config.for_cell(small).epochs == 2.0
    assert config.for_cell(large).epochs == 1.0
    seconds = [ablation.guessed_seconds(cell, config) for cell in (small, large)]
    assert seconds[0] == seconds[1]


def test_cells_come_seed_by_seed(ablation, tmp_path):
    config = ablation.Config()
    work = ablation.Ablation(config, tmp_path, FakeLab(ablation), keeps_models=False)
    seeds = [cell.seed for cell in work.cells()]
    assert len(seeds) == 36
    assert seeds == sorted(seeds)


def test_no_cell_is_begun_too_late_or_while_another_program_is_at_it(
    ablation, finished, tmp_path
):
    out = tmp_path / "run"
    shutil.copytree(finished[0], out)
    for name in ("uncurated-n4-s0", "curated-n4-s1"):
        (out / "cells" / f"{name}.json").unlink()
        shutil.rmtree(out / "cells" / name)
    base, lab = ["--out", str(out), *SIZE], FakeLab(ablation)
    ablation.main([*base, "--hours", "0"], lab)
    assert lab.trained == []
    with ablation.claim(out / "cells" / "curated-n4-s1.lock") as is_ours:
        assert is_ours
        ablation.main(base, lab)
    assert [name for name, *_ in lab.trained] == ["uncurated-n4-s0"]
    assert "1 cells are not done" in (out / "ablation.md").read_text()
    ablation.main(base, lab)
    assert [name for name, *_ in lab.trained] == ["uncurated-n4-s0", "curated-n4-s1"]
    cell = json.loads((out / "cells" / "curated-n4-s1.json").read_text())
    assert set(cell["seconds"]) == {"train", "answer"}


def test_a_cell_waits_for_the_program_that_trains_on_the_same_traces(
    ablation, finished, tmp_path, monkeypatch
):
    out = tmp_path / "run"
    shutil.copytree(finished[0], out)
    curated, other = (
        out / "cells" / f"{arm}-n4-s0.json" for arm in ("curated", "without_format")
    )
    record = curated.read_text()
    assert json.loads(other.read_text())["data_sha256"] == json.loads(record)["data_sha256"]
    other.unlink()
    curated.unlink()
    monkeypatch.setattr(ablation, "PUT_OFF_SECONDS", 0.05)
    waited = []

    def ends(seconds):
        waited.append(seconds)
        if len(waited) == 3:
            curated.write_text(record)
            held.close()

    monkeypatch.setattr(ablation.time, "sleep", ends)
    lab = FakeLab(ablation)
    with ExitStack() as held:
        assert held.enter_context(ablation.claim(curated.with_suffix(".lock")))
        patterns = ["--cells", "without_format-*", "curated-*"]
        ablation.main(["--out", str(out), *SIZE, *patterns], lab)
    assert lab.trained == []
    assert waited[:3] == [0.05] * 3
    assert json.loads(other.read_text())["same_data_as"] == "curated-n4-s0"


def test_adapters_are_another_experiment(ablation, finished):
    out, *_ = finished
    with pytest.raises(SystemExit, match="was started with lora_rank"):
        ablation.main(["--out", str(out), *SIZE, "--lora-rank", "8"], FakeLab(ablation))


def test_a_pool_too_small_and_other_settings_are_refused(ablation, finished):
    out, *_ = finished
    base = ["--out", str(out)]
    lab = FakeLab(ablation)
    with pytest.raises(SystemExit, match="fewer than 4000: raise --train-questions"):
        ablation.main([*base, *SIZE, "--sizes", "4000"], lab)
    with pytest.raises(SystemExit, match="was started with epochs"):
        ablation.main([*base, *SIZE, "--epochs", "2.5"], lab)
    assert lab.trained == []


def test_pools_give_the_same_questions_as_far_as_both_have_them(ablation):
    class Run:
        def __init__(self, question, rollout):
            self.question_id, self.id = f"q{question}", f"q{question}/{rollout}"
            self.question = f"question {question}"

    full = [Run(q, r) for q in range(60) for r in range(3)]
    half = [run for run in full if int(run.question_id[1:]) % 2]
    taken = ablation.sample(full, 60, seed=5)
    kept = [i.split("/")[0] for i in ablation.sample(half, 20, seed=5)]
    in_order = [i.split("/")[0] for i in taken if int(i[1:].split("/")[0]) % 2]
    assert kept == in_order[:20]
    assert len({i.split("/")[0] for i in taken}) == 60
    assert ablation.sample(full[::-1], 9, seed=5) == taken[:9]
    assert ablation.sample(full, 9, seed=6) != taken[:9]


@pytest.mark.slow
def test_the_real_lab_trains_serves_and_answers(ablation, tiny_model, tmp_path):
    arguments = [
        *("--out", str(tmp_path), *SIZE, "--test-questions", "2", "--seeds", "0"),
        *("--arms", "uncurated", "curated", "--engine", "transformers"),
        *("--base-model", str(tiny_model), "--cells", "curated-*"),
    ]
    training = SftConfig(batch_size=4, dtype="float32", max_length=1024)
    lab = ablation.RealLab("transformers", tiny_model, training)
    config_tokens = {"max_turn_tokens": 16, "max_turns": 3, "evidence_chars": 60}

    class Short:
        train = staticmethod(lab.train)

        @staticmethod
        def answer(model, questions, out, config, url):
            short = replace(config, settings={**config.settings, **config_tokens})
            lab.answer(model, questions, out, short, url)

    ablation.main(arguments, Short())
    [cell] = [json.loads(file.read_text()) for file in (tmp_path / "cells").glob("*.json")]
    assert cell["name"] == "curated-n4-s0"
    assert len(cell["runs"]) == 2
    assert {
        t.model for t in read_traces(tmp_path / "cells" / "curated-n4-s0" / "answers")
    } == {"ablation-curated-n4-s0"}
