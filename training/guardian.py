"""The guardian: a small process between a program and the server it started.

Its standard input is a pipe from the program. When the program goes, even by `kill -9`,
the pipe closes, and the guardian ends the whole process group. It needs nothing but the
standard library and works on every Unix.
"""

from __future__ import annotations

GUARDIAN_SOURCE = """
import os, signal, subprocess, sys, threading, time

GRACE_SECONDS = 10.0
CHILDREN_SECONDS = 0.5

def watch():
    while sys.stdin.buffer.read(1):
        pass
    os.killpg(0, signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os.killpg(0, signal.SIGKILL)

signal.signal(signal.SIGTERM, lambda *_: None)
signal.signal(signal.SIGINT, signal.SIG_IGN)
server = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
threading.Thread(target=watch, daemon=True).start()
server.wait()
os.killpg(0, signal.SIGTERM)
time.sleep(CHILDREN_SECONDS)
os.killpg(0, signal.SIGKILL)
"""
"""Runs its arguments as the server, in the group it was started in. When the server is
gone its children are too; when the program is gone, all of them."""
