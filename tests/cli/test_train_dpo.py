"""`deepsearch train dpo` as a user types it: pairs from the command, a model, a kill."""

from __future__ import annotations

import json

import pytest
from killed_runs import finish, kill_after_a_checkpoint, start

from langgraph_deepsearch.nodes.dialects import get_dialect
from langgraph_deepsearch.trace import Segment, Trace, write_traces

pytest.importorskip("torch", reason="training needs torch")
pytest.importorskip("trl", reason="needs trl: pip install 'langgraph-deepsearch[train]'")

SETTINGS = {"learning_rate": 1e-2, "batch_size": 2, "warmup": 0.0, "threads": 1}


def run_of(number, answer):
    dialect = get_dialect()
    question = f"Where is {number}?"
    said = f"So.</think>\n\n{dialect.format_answer(answer)}"
    return Trace(
        id=f"{number}-{answer}",
        question_id=f"q{number}",
        question=question,
        golds=["Lima"],
        segments=[
            *(
                Segment(kind="prompt", speaker=m["role"], text=m["content"])
                for m in dialect.prompt(question)
            ),
            Segment(kind="answer", speaker="assistant", text=said, trainable=True, turn=1),
        ],
        answer=answer,
        stop_reason="answered",
        dialect=dialect.name,
    )


@pytest.fixture
def pairs(deepsearch, tmp_path):
    """Pairs of right and wrong runs, made by the command."""
    runs = [run_of(n, answer) for n in range(6) for answer in ("Lima", "Quito")]
    write_traces(tmp_path / "traces.jsonl", runs)
    assert deepsearch("pairs", "traces.jsonl", "--out", "pairs").code == 0
    return tmp_path / "pairs"


def config(path, **changes):
    path.write_text(json.dumps({**SETTINGS, **changes}))
    return path


def test_pairs_become_a_model_in_the_registry(deepsearch, tiny_model, pairs, tmp_path):
    words = ["train", "dpo", pairs, "--out", "run/dpo", "--model", tiny_model]
    words += ["--config", config(tmp_path / "dpo.json"), "--json"]
    done = deepsearch(*words)
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert told["losses"][0] == pytest.approx(0.6931, abs=1e-3)
    assert told["losses"][-1] < told["losses"][0]
    assert told["curves"]["rewards/margins"][-1] > 0
    assert (tmp_path / "run" / "dpo" / "model.safetensors").is_file()
    models = json.loads(deepsearch("models", "run", "--json").out)
    assert models["current"] == "dpo@1"
    assert models["models"][0]["parent"] == tiny_model.name
    assert json.loads(deepsearch(*words).out)["finished_before"]
    assert len(json.loads(deepsearch("models", "run", "--json").out)["models"]) == 1


def test_a_killed_training_resumes_to_the_same_curve(
    deepsearch, tiny_model, pairs, tmp_path
):
    settings = config(tmp_path / "dpo.json", batch_size=1, save_steps=2, epochs=2)
    words = ["train", "dpo", pairs, "--model", tiny_model, "--config", settings, "--json"]
    torn = ["--out", tmp_path / "torn"]
    slow = "training.dpo_trainer:PairTrainer.training_step"
    process = start(*words, *torn, slow=slow, pause=0.3)
    kill_after_a_checkpoint(process, tmp_path / "torn.checkpoints")
    assert not (tmp_path / "torn").exists()
    resumed = json.loads(finish(start(*words, *torn)))
    whole = json.loads(deepsearch(*words, "--out", tmp_path / "whole").out)
    assert resumed["resumed"]
    assert not whole["resumed"]
    assert len(whole["losses"]) == 12
    assert resumed["losses"] == pytest.approx(whole["losses"], abs=1e-3)
    # The reference is the model it was begun from, not the one it was killed at.
    margins = "rewards/margins"
    assert resumed["curves"][margins] == pytest.approx(whole["curves"][margins], abs=1e-2)
    assert not (tmp_path / "torn.checkpoints").exists()


@pytest.mark.parametrize(
    ("file", "line", "said"),
    [
        ("absent.jsonl", None, "no pairs file at absent.jsonl: run `deepsearch pairs`"),
        ("bad.jsonl", '{"id"', "bad.jsonl:1: not a preference pair"),
        ("bad.jsonl", '{"id": "a"}', "bad.jsonl:1: not a preference pair"),
        ("bad.jsonl", '{"version": 99}', "pair version 99 is newer"),
        ("bad.jsonl", "", "gives nothing to train on"),
        ("bad.jsonl", "[1]", "bad.jsonl:1: not a preference pair"),
    ],
)
def test_pairs_that_cannot_be_read(deepsearch, tiny_model, tmp_path, file, line, said):
    if line is not None:
        (tmp_path / file).write_text(line + "\n")
    done = deepsearch("train", "dpo", file, "--out", "dpo", "--model", tiny_model)
    assert done.code == 1
    assert said in done.complaint
    assert not list(tmp_path.glob("dpo*"))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ('{"beta": 0}', "setting beta must be more than 0"),
        ('{"beta": "much"}', "setting beta is 'much'; expected float"),
        ('{"reward": "x"}', "unknown setting 'reward'"),
        ("{", "not readable as JSON"),
        ('{"batch_size": 2, "micro_batch_size": 2, "epochs": 0}', "epochs must be more"),
    ],
)
def test_settings_that_cannot_work(deepsearch, tiny_model, pairs, tmp_path, settings, said):
    (tmp_path / "dpo.json").write_text(settings)
    words = ["train", "dpo", pairs, "--out", "dpo", "--config", "dpo.json"]
    done = deepsearch(*words, "--model", tiny_model)
    assert done.code == 1
    assert said in done.complaint
    assert not list(tmp_path.glob("dpo*/"))


def test_a_folder_without_a_model_and_one_that_is_taken(
    deepsearch, tiny_model, pairs, tmp_path
):
    done = deepsearch("train", "dpo", pairs, "--out", "dpo", "--model", "absent")
    assert "absent holds no model" in done.complaint
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    done = deepsearch("train", "dpo", pairs, "--out", "mine", "--model", tiny_model)
    assert "choose a new folder" in done.complaint
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"
