"""The guardian: a small process between a program and the server it started.

Its standard input is a pipe from the program. When the program goes, even by `kill -9`,
the pipe closes, and the guardian ends the whole process group. It needs nothing but the
standard library and works on every Unix.
"""

from __future__ import annotations

GUARDIAN_SOURCE = """
import os, signal, subprocess, sys, threading, time

GRACE_SECONDS = 10.0

def watch():
    while sys.stdin.buffer.read(1):
        pass
    os.killpg(0, signal.SIGTERM)
    deadline = time.monotonic() + GRACE_SECONDS
    while server.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(0, signal.SIGKILL)

signal.signal(signal.SIGTERM, lambda *_: None)
signal.signal(signal.SIGINT, signal.SIG_IGN)
server = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
threading.Thread(target=watch, daemon=True).start()
code = server.wait()
sys.exit(code if code >= 0 else 128 - code)
"""
"""Runs its arguments as the server, in the group it was started in."""
