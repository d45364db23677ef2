"""Runs of the command in a process of their own, to be killed half-way and begun again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

from langgraph_deepsearch.training.serve import free_port

COMMAND = """
import importlib, sys, time
place, pause, *words = sys.argv[1:]
if float(pause):
    module, _, path = place.partition(":")
    owner, name = path.split(".")
    owner = getattr(importlib.import_module("langgraph_deepsearch." + module), owner)
    quick = getattr(owner, name)
    def slowly(self, *given, **named):
        time.sleep(float(pause))
        return quick(self, *given, **named)
    setattr(owner, name, slowly)
from langgraph_deepsearch.cli import main
sys.argv = ["deepsearch", *words]
main()
"""


def start(*words, slow="", pause=0.0, launch=()):
    """Start `deepsearch` with words; `slow` names a method (module:Class.name) to pause in."""
    return start_python("-c", COMMAND, slow, pause, *words, launch=launch)


def start_python(*words, launch=(), **environment):
    return subprocess.Popen(
        [sys.executable, *map(str, launch), *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
        start_new_session=True,
    )


def end(process):
    """Kill a process and all that it started, without a warning."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def finish(process, seconds=200):
    """Wait for the end; return what it printed."""
    try:
        out, err = process.communicate(timeout=seconds)
    finally:
        end(process)
    assert process.returncode == 0, err[-3000:]
    return out


def kill_after_a_checkpoint(process, folder, seconds=200):
    """Kill without a warning once a whole checkpoint is there; return its name."""
    deadline = time.monotonic() + seconds
    try:
        while not (whole := sorted(folder.glob("checkpoint-*/whole"))):
            assert process.poll() is None, process.communicate()[1][-3000:]
            assert time.monotonic() < deadline, "no checkpoint in time"
            time.sleep(0.05)
        assert process.poll() is None, "it ended before it could be killed"
    finally:
        end(process)
    return whole[0].parent.name


def torchrun(script, *words, processes=2, **environment):
    """Run a script in several processes; return what they printed."""
    port = free_port()
    launch = ["-m", "torch.distributed.run", f"--nproc_per_node={processes}"]
    launch += [f"--master_port={port}", script]
    return finish(start_python(*launch, *words, **environment), 1100)
