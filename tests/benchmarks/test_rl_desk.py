"""What comes after fine-tuning, at toy size: real training, a server that takes weights."""

from __future__ import annotations

import importlib
import itertools
import json
import shutil
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="training needs torch")
pytest.importorskip("trl", reason="needs trl: pip install 'langgraph-deepsearch[train]'")
pytest.importorskip("peft", reason="LoRA needs peft")

from tiny_server import TinyServer

from langgraph_deepsearch.evals.metrics import outcome
from langgraph_deepsearch.graph.deep_search import create_deep_search_agent
from langgraph_deepsearch.graph.rollout import RolloutEngine
from langgraph_deepsearch.nodes.models.resolve import forget_reasoners
from langgraph_deepsearch.questions import read_questions
from langgraph_deepsearch.trace import read_traces
from langgraph_deepsearch.world.build import build_world
from langgraph_deepsearch.world.server import serve_world

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SETTINGS = {
    "condenser": "extractive",
    "top_k": 2,
    "evidence_chars": 100,
    "max_searches": 2,
    "max_turns": 3,
    "max_turn_tokens": 48,
    "temperature": 0.0,
}
SIZE = (
    "--train-questions 4 --test-questions 2 --steps 2 --questions-per-step 2 --rollouts 2 "
    "--dpo-questions 4 --dpo-rollouts 2 --dpo-epochs 1 --lora-rank 4 --concurrency 1 "
    "--max-length 1024 --rl-learning-rate 0.05 --dpo-learning-rate 0.01"
).split()


@pytest.fixture(scope="module")
def desk():
    sys.path.insert(0, str(BENCHMARKS))
    yield importlib.import_module("rl_desk")
    sys.path.remove(str(BENCHMARKS))


def script(golds, answers):
    """Search once, then answer: what is named `right` is the question's gold answer."""
    turn = itertools.cycle(answers)

    def reply(prompt):
        if "<|begin_search_result|>" not in prompt.rpartition("<|im_start|>")[2]:
            return "Look.<|begin_search_query|>director<|end_search_query|>"
        [gold] = [gold for question, gold in golds.items() if question in prompt]
        said = next(turn)
        return f"So.</think>\n\n\\boxed{{{gold if said == 'right' else said}}}"

    return reply


@pytest.fixture(scope="module")
def loop(tiny_model, tmp_path_factory):
    """A directory as a finished loop leaves it, its curated traces all right."""
    path = tmp_path_factory.mktemp("loop")
    build_world(path / "world", pages=200, train_questions=8, test_questions=4)
    shutil.copytree(tiny_model, path / "model")
    (path / "rollout.json").write_text(json.dumps({"settings": SETTINGS}))
    (path / "stages.json").write_text(json.dumps({"after": {"finished": True}}))
    questions = read_questions(path / "world" / "train.jsonl")
    golds = {q.question: q.golds[0] for q in questions}
    with (
        TinyServer(tiny_model, script(golds, ["right"])) as server,
        serve_world(path / "world") as world,
    ):
        search = {"search": f"searxng:{world.url}", "base_url": server.url}
        agent = create_deep_search_agent(**SETTINGS, **search)
        work = path / "made"
        assert not RolloutEngine(agent, work, scorer=outcome).run(questions).failed
        shutil.move(work / "traces.jsonl", path / "curated.jsonl")
    forget_reasoners()
    return path


@pytest.mark.slow
def test_every_arm_is_trained_and_measured_over_an_interruption(
    desk, loop, tiny_model, tmp_path, monkeypatch, capsys
):
    asked = [
        q
        for split in ("train", "test")
        for q in read_questions(loop / "world" / f"{split}.jsonl")
    ]
    golds = {q.question: q.golds[0] for q in asked}
    words = ["--loop", str(loop), "--out", str(tmp_path), *SIZE, "--seeds", "0"]
    words += ["--arms", "reinforce", "dpo"]
    replies = script(golds, ["right", "Rome"])
    with TinyServer(tiny_model, replies, updatable=True) as server:
        words += ["--base-url", server.url]
        train_dpo = desk.train_dpo

        def interrupted(*given, **named):
            raise KeyboardInterrupt

        monkeypatch.setattr(desk, "train_dpo", interrupted)
        with pytest.raises(KeyboardInterrupt):
            desk.main(words)
        monkeypatch.setattr(desk, "train_dpo", train_dpo)
        loaded = len(server.events)
        desk.main(words)
        brought = [told for what, told in server.events[loaded:] if what == "weights"]
        cell = tmp_path / "cells" / "dpo-s0"
        assert brought == [str(loop / "model"), str(cell / "whole"), str(loop / "model")]
        assert not (cell / "whole").exists()
    forget_reasoners()
    record = json.loads((tmp_path / "rl_desk.json").read_text())
    rows = {row["arm"]: row for row in record["rows"]}
    assert list(rows) == ["checkpoint", "reinforce", "dpo"]
    for arm in ("reinforce", "dpo"):
        low, high = rows[arm]["f1"]["interval"]
        assert low <= rows[arm]["f1"]["mean"] <= high
        gap = rows[arm]["difference"]["f1"]["mean"]
        means = rows[arm]["f1"]["mean"] - rows["checkpoint"]["f1"]["mean"]
        assert gap == pytest.approx(means)
    curves = {cell["name"]: cell["curves"] for cell in record["cells"]}
    assert len(curves["reinforce-s0"]["reward"]) == 2
    assert curves["dpo-s0"]["loss"][0] == pytest.approx(0.6931, abs=1e-2)
    models = {t.model for t in read_traces(tmp_path / "cells" / "dpo-s0" / "answers")}
    assert models == {"tiny"}
    assert "REINFORCE++, seed 0" not in (report := (tmp_path / "report.html").read_text())
    assert "Mean reward of a step&#x27;s runs, seed 0" in report
    assert "| REINFORCE++ | 1 |" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="was started with steps=2, now it is 3"):
        desk.main([*words, "--steps", "3"])


def test_a_plan_and_a_loop_that_is_not_finished(desk, loop, tmp_path, capsys):
    words = ["--loop", str(loop), "--out", str(tmp_path / "out"), "--plan"]
    desk.main([*words, "--arms", "grpo", "dpo"])
    planned = json.loads(capsys.readouterr().out)
    assert planned["cells"][:2] == ["grpo-s0", "dpo-s0"]
    assert planned["test_questions"] == 4
    assert 0.1 < planned["estimated_hours"] < 20
    assert not (tmp_path / "out").exists()
    with pytest.raises(SystemExit, match="holds no finished loop"):
        desk.main(["--loop", str(tmp_path), *words[2:]])


def test_rows_are_means_over_seeds_with_paired_differences(desk):
    report = importlib.import_module("rl_desk_report")

    def cell(arm, seed, values):
        runs = [
            {"id": f"q{n}", "f1": value, "em": value, "searches": 2.0 - value}
            for n, value in enumerate(values)
        ]
        means = {m: sum(r[m] for r in runs) / len(runs) for m in ("f1", "em", "searches")}
        told = {"arm": arm, "seed": seed, "runs": runs, "seconds": {"training": 60.0}}
        return {**told, **means, "curves": {"reward": [-2.0, 0.5]}}

    before = cell("checkpoint", 0, [0.0, 1.0, 0.0, 1.0])
    cells = [cell("dpo", 0, [1.0] * 4), cell("dpo", 1, [0.0, 1.0, 1.0, 1.0])]
    checkpoint, dpo = report.summarize(before, cells)
    assert checkpoint["f1"]["mean"] == 0.5
    assert dpo["f1"]["mean"] == 0.875
    assert dpo["difference"]["f1"]["mean"] == pytest.approx(0.375)
    assert dpo["by_seed"][1]["f1"] == 0.75
    assert dpo["difference"]["searches"]["mean"] == pytest.approx(-0.375)
    text = report.to_markdown([checkpoint, dpo])
    assert "| DPO | 2 | 0.875 (" in text
    shown = report.to_page([checkpoint, dpo], cells, {"steps": 2})
    assert shown.count('class="curve"') == 2
    assert 'points="0.00,100.00 100.00,0.00"' in shown  # a reward below 0 stays in the plot
