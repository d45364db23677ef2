"""The whole flywheel with a tiny model: every stage real, nothing learned worth keeping."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest
from rich.console import Console

from langgraph_deepsearch.errors import DeepSearchError
from langgraph_deepsearch.loop import LaterRound, Loop, LoopConfig, loop_preset
from langgraph_deepsearch.trace import read_traces
from langgraph_deepsearch.training.sft import SftConfig


@pytest.fixture(scope="module")
def finished(tiny_model, tmp_path_factory):
    """Run the loop once over transformers' server; return its directory and result."""
    directory = tmp_path_factory.mktemp("loop")
    preset = loop_preset("tiny", engine="transformers", self_distill=False)
    config = replace(
        preset,
        pages=200,
        train_questions=12,
        test_questions=3,
        summarizer_questions=1,
        base_model=tiny_model,
        training=SftConfig(batch_size=4, dtype="float32", max_length=1024),
        settings={
            **preset.settings,
            "max_turns": 4,
            "max_turn_tokens": 16,
            "evidence_chars": 100,
        },
    )
    result = Loop(config, directory, Console(file=io.StringIO())).run()
    return config, directory, result


def test_every_file_of_a_run_directory_is_there(finished):
    _, directory, _ = finished
    for name in (
        "traces.jsonl", "curated.jsonl", "curation.json", "evaluation.json", "before.jsonl",
        "after.jsonl", "report.html", "models.json", "model/training.json",
    ):  # fmt: skip
        assert (directory / name).is_file(), name


def test_the_evaluation_has_the_names_others_rely_on(finished):
    _, directory, result = finished
    evaluation = json.loads((directory / "evaluation.json").read_text())
    for column in ("before", "after", "reason_in_documents"):
        for name in ("em", "f1", "acc", "searches", "tokens", "n"):
            assert isinstance(evaluation[column][name], int | float)
        assert evaluation[column]["engine"] == "transformers"
    assert evaluation["seconds"] == pytest.approx(result.seconds)
    assert [t.golds for t in read_traces(directory / "after.jsonl")]


def test_the_trained_model_answered_under_its_own_name(finished):
    _, directory, _ = finished
    models = {trace.model for trace in read_traces(directory / "after.jsonl")}
    assert models == {"deepsearch-desk"}
    registry = json.loads((directory / "models.json").read_text())
    assert registry["current"] == "deepsearch-desk@1"
    assert registry["models"][0]["data_sha256"]


def test_running_again_does_nothing_twice(finished):
    config, directory, first = finished
    before = (directory / "after.jsonl").read_bytes()
    again = Loop(config, directory, Console(file=io.StringIO())).run()
    assert (directory / "after.jsonl").read_bytes() == before
    assert again.to_json()["after"] == first.to_json()["after"]


def test_other_settings_in_the_same_directory_are_refused(finished):
    config, directory, _ = finished
    with pytest.raises(DeepSearchError, match="started with seed=0, now it is 1"):
        Loop(replace(config, seed=1), directory, Console(file=io.StringIO())).run()


def test_an_unknown_preset_lists_the_known():
    with pytest.raises(DeepSearchError, match="known: desk, tiny, mask_search"):
        loop_preset("moon")


@pytest.mark.parametrize(
    ("changes", "columns"),
    [
        ({}, []),
        ({"self_distill": True}, ["self_distilled"]),
        ({"evolving_rounds": 1}, ["self_distilled"]),
        (
            {"self_distill": True, "evolving_rounds": 2},
            ["self_distilled", "self_distilled_3"],
        ),
    ],
)
def test_later_rounds_have_names_of_their_own(changes, columns, tmp_path):
    loop = Loop(loop_preset("tiny", **changes), tmp_path, Console(file=io.StringIO()))
    later = loop._later_rounds
    assert [one.column for one in later] == columns
    assert len(
        {one.folder for one in later} | {one.trace_file for one in later}
    ) == 2 * len(later)
    stages = [one.stage(what) for one in later for what in ("curation", "own rollouts")]
    assert len(set(stages)) == len(stages)


@pytest.mark.parametrize(
    ("roles", "number", "start", "parent"),
    [
        (None, 2, "model", "deepsearch-desk@1"),
        (None, 3, "second_round/model", "deepsearch-desk@2"),
        ("mask_search", 2, "base", "smollm2-135m-instruct"),
    ],
)
def test_a_later_round_trains_the_model_before_further_but_the_roles_anew(
    roles, number, start, parent, tmp_path, monkeypatch
):
    loop = Loop(LoopConfig(roles=roles), tmp_path, Console(file=io.StringIO()))
    calls = []
    monkeypatch.setattr(loop, "_train", lambda *a, **k: calls.append((*a, k)))
    own = tmp_path / "own"
    loop._train_further(tmp_path / "base", LaterRound(number), own)
    changes = {} if roles else {"learning_rate": LoopConfig().later_learning_rate}
    assert calls == [(tmp_path / start, parent, own, changes)]


@pytest.mark.slow
def test_the_model_that_roles_taught_takes_the_roles(tiny_model, tmp_path):
    preset = loop_preset("mask_search", engine="transformers")
    config = replace(
        preset,
        pages=200,
        train_questions=8,
        test_questions=2,
        summarizer_questions=1,
        base_model=tiny_model,
        training=SftConfig(batch_size=4, dtype="float32", max_length=1024),
        settings={**preset.settings, "max_turn_tokens": 16, "evidence_chars": 100},
    )
    result = Loop(config, tmp_path, Console(file=io.StringIO())).run()
    assert set(result.columns) >= {"before", "after", "self_distilled"}
    taught = list(read_traces(tmp_path / "traces.jsonl"))
    assert {t.dialect for t in taught} == {"mask_search:inline"}
    assert {t.model for t in taught} == {"role-teacher"}
    assert sum(t.outcome["em"] for t in taught) >= len(taught) / 2
    own = list(read_traces(tmp_path / "own_traces.jsonl"))
    assert {t.model for t in own} == {"deepsearch-desk"}
    assert {c.step for t in own for c in t.children} >= {"planner"}
    after = list(read_traces(tmp_path / "after.jsonl"))
    assert all(not t.children and t.settings["roles"] is None for t in after)
    training = json.loads((tmp_path / "model" / "training.json").read_text())
    assert training["config"]["other_data"].endswith("role_calls.jsonl")
