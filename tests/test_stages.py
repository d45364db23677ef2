"""Stages: done once, their time kept whatever ends them, one process at a time."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import time

import pytest

from langgraph_deepsearch.run_lock import BusyError
from langgraph_deepsearch.stages import StageLog

SLOW = """
    import sys, time
    from pathlib import Path
    from langgraph_deepsearch import stages
    stages.CLOCK_SECONDS = 0.05
    stages.StageLog(Path(sys.argv[1]), lambda line: print(line, flush=True)).run(
        "training", lambda: time.sleep(60)
    )
"""


@pytest.fixture
def under_way(tmp_path):
    """A stage of 60 s in another process, whose time stands in the file."""
    script = [sys.executable, "-c", textwrap.dedent(SLOW), str(tmp_path)]
    log = StageLog(tmp_path, lambda line: None)
    with subprocess.Popen(script, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "── training\n"
        while not log.read().get("training", {}).get("seconds"):
            time.sleep(0.01)
        yield process
        process.kill()


def test_a_stage_is_done_once_and_its_attempts_add_up(tmp_path):
    said = []
    log = StageLog(tmp_path, said.append)

    def broken():
        time.sleep(0.05)
        raise KeyError

    with pytest.raises(KeyError):
        log.run("world", broken)
    first = log.read()["world"]
    assert first["seconds"] >= 0.05
    log.run("world", lambda: time.sleep(0.05))
    log.run("world", broken)
    done = log.read()["world"]
    assert done["seconds"] >= first["seconds"] + 0.05
    assert (done["finished"], done["began"]) == (True, first["began"])
    assert said == ["── world", "── world"]


def test_a_kill_loses_no_time(under_way, tmp_path):
    under_way.send_signal(signal.SIGKILL)
    under_way.wait()
    log = StageLog(tmp_path, lambda line: None)
    spent = log.read()["training"]["seconds"]
    assert spent > 0
    log.run("training", lambda: None)
    assert log.read()["training"]["seconds"] > spent
    assert log.read()["training"]["finished"]


def test_a_second_process_does_no_stage_of_the_same_directory(under_way, tmp_path):
    log = StageLog(tmp_path, lambda line: None)
    with pytest.raises(BusyError, match="another process is at work"):
        log.run("world", lambda: None)
    assert "world" not in log.read()


def test_what_a_stage_notes_is_not_lost_to_the_clock(tmp_path, monkeypatch):
    monkeypatch.setattr("langgraph_deepsearch.stages.CLOCK_SECONDS", 0.001)
    log = StageLog(tmp_path, lambda line: None)

    def work():
        for number in range(50):
            log.note("after", **{f"n{number}": number})

    log.run("after", work)
    assert {f"n{number}" for number in range(50)} <= set(log.read()["after"])


def test_an_earlier_versions_file_is_gone_on_with(tmp_path):
    (tmp_path / "stages.json").write_text(
        '{"world": {"finished": true, "seconds": 2.0}, "rollouts": {"seconds": 3.0}}'
    )
    log = StageLog(tmp_path, lambda line: None)
    log.run("world", lambda: pytest.fail("was done"))
    log.run("rollouts", lambda: None)
    assert log.seconds >= 5.0
