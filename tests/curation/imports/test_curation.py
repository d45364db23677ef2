"""Curation on imported traces, with the thresholds that fit their dialect."""

from __future__ import annotations

import pytest

from langgraph_deepsearch.curation.imports import import_traces, original_record
from langgraph_deepsearch.curation.pipeline import curate
from langgraph_deepsearch.trace import read_traces

CASES = [
    ("traces_r1searcher/hotpotqa_qwen.jsonl", "r1_searcher", "r1_searcher", (330, 365)),
    ("traces_r1searcher/hotpotqa_llama.jsonl", "r1_searcher", "r1_searcher", (270, 310)),
    ("traces_webdancer/sample_traj.jsonl", "web_dancer", "web_dancer", (90, 125)),
    ("traces_o2/coldstart_test.json", "o2_searcher", "o2_searcher", (115, 145)),
    (
        "traces_knowagent/KnowAgentHotpotQA_llama-2-13b_D0.jsonl",
        "knowagent",
        "know_agent",
        (100, 125),
    ),
]


@pytest.mark.parametrize(("file", "source", "preset", "kept"), CASES)
def test_a_dialects_preset_keeps_the_good_part(
    shared, tmp_path, file, source, preset, kept
):
    traces = list(import_traces(shared(file), source))
    report = curate(traces, tmp_path, preset=preset)
    assert report.read == len(traces)
    low, high = kept
    assert low <= report.kept <= high
    curated = list(read_traces(tmp_path / "curated.jsonl"))
    assert len(curated) == report.kept
    removed = {one.name: one.removed for one in report.filters}
    assert removed["turn_shape"] <= 0.05 * len(traces)  # the dialect's form is understood
    assert all(original_record(trace) for trace in curated)


def test_what_the_judge_rejects_is_not_kept(shared, tmp_path):
    traces = import_traces(shared(CASES[0][0]), "r1_searcher")
    curate(traces, tmp_path, preset="r1_searcher")
    curated = list(read_traces(tmp_path / "curated.jsonl"))
    assert all(trace.outcome["judge"] == 1 for trace in curated)
    assert any(trace.outcome["em"] == 0 for trace in curated)
