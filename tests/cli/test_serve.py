"""`deepsearch serve` as a user types it; what it asks for reaches the server."""

from __future__ import annotations

import pytest

from langgraph_deepsearch.training import serve_command


@pytest.fixture
def asked(monkeypatch):
    """What the command asks to be served, and how."""
    calls = []
    monkeypatch.setattr(
        serve_command,
        "serve_until_interrupted",
        lambda model, **how: calls.append((model, how)),
    )
    return calls


def test_host_adapters_wait_and_engine_arguments_are_passed_on(deepsearch, asked):
    words = ["--host", "0.0.0.0", "--lora", "--start-seconds", "900", "--port", "0"]
    engine = ["--max-model-len", "4096", "--enforce-eager"]
    done = deepsearch("serve", "model", *words, "--", *engine)
    assert done.code == 0, done.err
    ((model, how),) = asked
    assert model == "model"
    assert (how["host"], how["lora"], how["start_seconds"]) == ("0.0.0.0", True, 900)
    assert (how["port"], how["extra_arguments"]) == (0, engine)


def test_engine_arguments_need_no_model(deepsearch, asked):
    assert deepsearch("serve", "--", "--enforce-eager").code == 0
    ((model, how),) = asked
    assert (model, how["extra_arguments"]) == ("", ["--enforce-eager"])


@pytest.mark.parametrize("port", ["99999", "-1"])
def test_a_port_that_cannot_be_is_refused(deepsearch, asked, port):
    done = deepsearch("serve", "model", "--port", port)
    assert done.code != 0
    assert "port" in done.err
    assert not asked
