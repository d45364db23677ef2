"""`deepsearch train stages` as a user types it."""

from __future__ import annotations

import json
from importlib.util import find_spec

import pytest

from langgraph_deepsearch.nodes.dialects import get_dialect
from langgraph_deepsearch.trace import Segment, Trace, write_traces
from langgraph_deepsearch.training.registry import ModelRegistry

needs_torch = pytest.mark.skipif(find_spec("torch") is None, reason="training needs torch")


@pytest.fixture
def inputs(tmp_path):
    """Traces with masks and without, and a schedule over them."""
    dialect = get_dialect()
    for name, masks in (("ramp", 1), ("task", 0)):
        made = []
        for number in range(2):
            question = f"Where is {name} {number}?"
            prompt = dialect.prompt(question)[0]["content"]
            said = dialect.format_answer("x")
            segments = [
                Segment(kind="prompt", speaker="user", text=prompt),
                Segment(kind="answer", speaker="assistant", text=said, trainable=True),
            ]
            made.append(
                Trace(
                    id=f"{name}{number}",
                    question=question,
                    segments=segments,
                    stop_reason="answered",
                    dialect=dialect.name,
                    metadata={"masks": masks},
                )
            )
        write_traces(tmp_path / f"{name}.jsonl", made)
    (tmp_path / "quick.json").write_text('{"batch_size": 2, "threads": 1}')
    common = {"method": "sft", "config": "quick.json"}
    stages = [
        {"name": "ramp", "data": "ramp", "where": {"masks": [1]}, **common},
        {"name": "task", "data": "task", **common},
    ]
    (tmp_path / "mine.json").write_text(json.dumps({"stages": stages}))
    return tmp_path


DATA = ("--data", "ramp=ramp.jsonl", "--data", "task=task.jsonl")


@needs_torch
def test_stages_are_trained_and_registered(deepsearch, inputs, tiny_model):
    words = ("train", "stages", "mine.json", "--out", "run", "--model", tiny_model, *DATA)
    done = deepsearch(*words, "--json")
    assert done.code == 0, done.err
    assert "── ramp (sft)" in done.err
    assert set(json.loads(done.out)) == {"ramp", "task"}
    models = ModelRegistry(inputs / "run").models()
    assert [m.key for m in models] == ["mine-ramp@1", "mine-task@1"]
    assert models[1].parent == "1-ramp"
    assert (inputs / "run/2-task/model.safetensors").is_file()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("mine.json", "--data", "ramp=ramp.jsonl"), "needs a file for 'task'"),
        (("mine.json", "--data", "ramp"), "--data takes NAME=FILE, not 'ramp'"),
        (("absent", *DATA), "no settings file absent"),
        (("quick.json", *DATA), "no schedule"),
    ],
)
def test_what_cannot_be_trained_is_one_line(deepsearch, inputs, tiny_model, words, said):
    done = deepsearch("train", "stages", *words, "--out", "run", "--model", tiny_model)
    assert done.code != 0
    assert said in done.complaint
