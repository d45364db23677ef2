"""The traces that curation's speed is measured on give every step something to do."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from langgraph_deepsearch.curation.pipeline import curate

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def speed():
    sys.path.insert(0, str(BENCHMARKS))
    yield importlib.import_module("curation_speed")
    sys.path.remove(str(BENCHMARKS))


@pytest.mark.parametrize("preset", ["reference", "direct"])
def test_rollouts_share_their_question_and_every_step_has_work(speed, preset, tmp_path):
    traces = list(speed.synthetic(400, documents=3))
    asked = {trace.question_id: trace.question for trace in traces}
    assert len(asked) == len({trace.question for trace in traces}) == 40
    for trace in traces[: 5 * speed.ROLLOUTS]:  # questions that all their runs answer
        trace.answer = "Paris"
        trace.segments[-1].text = trace.segments[-1].text.replace("Lyon", "Paris")
    report = curate(traces, tmp_path, preset=preset)
    assert 0.6 < report.valid / report.read < 0.95
    assert report.difficulty.removed
    assert report.kept < report.valid_questions <= 40
    assert report.not_selected > report.kept
