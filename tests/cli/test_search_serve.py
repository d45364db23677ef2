"""`deepsearch search serve`, as a user runs it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys

import httpx
import pytest

CORPUS = ("search", "serve", "--search", "corpus:corpus.jsonl")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--search", "corpus:absent.jsonl"), "no corpus file at absent.jsonl"),
        (("--search", "corpus:empty.jsonl"), "empty.jsonl is empty"),
        (("--search", "corpus:no_text.jsonl"), "no_text.jsonl holds no text"),
        (("--search", "corpus:malformed.jsonl"), "malformed.jsonl:2: not valid JSON"),
        (("--search", "bing"), "unknown search 'bing'"),
        (("--search", "serper"), "set the environment variable SERPER_API_KEY"),
        (("--search", "corpus:corpus.jsonl", "--port", 70_000), "take another --port"),
        (
            ("--search", "corpus:corpus.jsonl", "--host", "no.such.host.invalid"),
            "cannot listen on no.such.host.invalid",
        ),
    ],
)
def test_bad_input_is_one_line(deepsearch, files, arguments, words):
    done = deepsearch("search", "serve", *arguments)
    assert done.code == 1
    assert words in done.complaint


def test_a_port_that_is_taken(deepsearch, files):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = deepsearch(*CORPUS, "--port", port)
    assert done.code == 1
    assert f"cannot listen on 127.0.0.1:{port}" in done.complaint


def test_it_answers_until_it_is_interrupted(files):
    command = [sys.executable, "-m", "langgraph_deepsearch.cli", *CORPUS, "--port", "0"]
    with subprocess.Popen(command, cwd=files, stdout=subprocess.PIPE, text=True) as server:
        try:
            url = server.stdout.readline().split()[2].rstrip(":")
            body = {"queries": ["capital of Peru"], "topk": 1}
            answer = httpx.post(f"{url}/retrieve", json=body, timeout=60).json()
        finally:
            os.kill(server.pid, signal.SIGINT)
        last = server.stdout.read()
    assert "Lima is the capital of Peru" in json.dumps(answer)
    assert (server.returncode, last.strip()) == (0, "stopped")
