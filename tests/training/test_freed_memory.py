from __future__ import annotations

import platform
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="training needs torch")

import torch

from langgraph_deepsearch.training.freed_memory import give_back_memory
from langgraph_deepsearch.training.result import TrainingError
from langgraph_deepsearch.training.sft import train_sft

MEGABYTES = 2**20

glibc_only = pytest.mark.skipif(
    sys.platform != "linux" or platform.libc_ver()[0] != "glibc",
    reason="only glibc keeps what was freed, and can be told to give it back",
)


def resident() -> int:
    """Return the bytes of memory this process has."""
    import resource

    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


@glibc_only
def test_freed_pieces_go_back_to_the_system():
    before = resident()
    # Below glibc's threshold for pages of their own; the last keeps the heap from shrinking.
    pieces = [torch.ones(4096) for _ in range(20_000)]
    assert resident() - before > 250 * MEGABYTES
    kept = pieces[-1]
    del pieces
    held = resident()
    give_back_memory()
    assert kept.sum() == 4096
    assert held - resident() > 200 * MEGABYTES


def test_a_training_gives_back_whether_it_ends_well_or_not(
    tmp_path, tiny_model, monkeypatch
):
    given_back = []
    monkeypatch.setattr(
        "langgraph_deepsearch.training.run.give_back_memory", lambda: given_back.append(1)
    )
    empty = tmp_path / "traces.jsonl"
    empty.write_text("")
    with pytest.raises(TrainingError, match="nothing to train on"):
        train_sft(empty, tiny_model, tmp_path / "model")
    assert given_back == [1]
