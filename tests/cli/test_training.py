"""`deepsearch train` and `deepsearch models` as a user types them."""

from __future__ import annotations

import json

import pytest

from langgraph_deepsearch.nodes.dialects import get_dialect
from langgraph_deepsearch.trace import Segment, Trace, read_traces, write_traces
from langgraph_deepsearch.training.registry import ModelRegistry


@pytest.fixture
def traces(tmp_path):
    dialect = get_dialect()
    made = []
    for number in range(4):
        question = f"Where is {number}?"
        prompt = dialect.prompt(question)[0]["content"]
        texts = [("prompt", "user", prompt, False), ("answer", "assistant", "x", True)]
        segments = [
            Segment(kind=kind, speaker=speaker, text=text, trainable=mine)
            for kind, speaker, text, mine in texts
        ]
        made.append(
            Trace(
                id=f"t{number}",
                question=question,
                segments=segments,
                stop_reason="answered",
                dialect=dialect.name,
            )
        )
    path = tmp_path / "traces.jsonl"
    write_traces(path, made)
    return path


def test_a_plan_prints_memory_and_time_and_trains_nothing(deepsearch, traces, tmp_path):
    words = ["train", "sft", traces, "--out", "model", "--config", "sft_paper_7b"]
    done = deepsearch(*words, "--model", "7b", "--plan")
    assert done.code == 0
    assert "ZeRO-3:" in done.out
    assert "ZeRO-3 with offload:" in done.out
    assert "7.62 billion parameters" in done.out
    assert not (tmp_path / "model").exists()
    told = json.loads(deepsearch(*words, "--model", "32b", "--plan", "--json").out)
    assert told["parameters"] == pytest.approx(32.8e9, rel=0.01)
    assert {e["name"] for e in told["estimates"]} == {"ZeRO-3", "ZeRO-3 with offload"}


def test_training_on_what_was_not_curated_is_said(deepsearch, traces, tmp_path):
    words = ["train", "sft", ".", "--out", "model", "--plan", "--model", "7b"]
    done = deepsearch(*words, "--config", "sft_paper_7b")
    assert done.err.splitlines() == [
        "nothing was curated in .: training on all 4 traces, wrong answers included; "
        "`deepsearch curate . --out .` first to leave them out"
    ]
    assert "4 samples" in done.out
    write_traces(tmp_path / "curated.jsonl", read_traces(traces))
    assert deepsearch(*words, "--config", "sft_paper_7b").err == ""
    words[2] = traces
    assert deepsearch(*words, "--config", "sft_paper_7b").err == ""
    assert "wrong answers included" in " ".join(
        deepsearch("train", "sft", "--help").out.replace("│", " ").split()
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["train", "sft", "absent.jsonl"], "no trace file"),
        (["train", "dpo", "absent.jsonl"], "no pairs file"),
        (["train", "rl", "absent.jsonl"], "no question file"),
        (["train", "dpo", "x", "--config", "sft_desk.json"], "no pairs file"),
        (["train", "rl", "x", "--config", "absent"], "no settings file absent"),
    ],
)
def test_what_cannot_be_trained_is_one_line(deepsearch, tiny_model, words, said):
    done = deepsearch(*words, "--out", "model", "--model", tiny_model)
    assert done.code == 1
    assert said in done.complaint


def test_going_back_to_an_earlier_model(deepsearch, tmp_path):
    registry = ModelRegistry(tmp_path / "run")
    for number in (1, 2):
        (tmp_path / "run" / f"v{number}").mkdir(parents=True)
        registry.add(
            "desk", tmp_path / "run" / f"v{number}", training={"data_sha256": f"{number}"}
        )
    assert "desk@2" in deepsearch("models", "run").out
    done = deepsearch("models", "run", "--use", "desk@1", "--json")
    assert json.loads(done.out)["current"] == "desk@1"
    assert "no model 'desk@9'" in deepsearch("models", "run", "--use", "desk@9").complaint
