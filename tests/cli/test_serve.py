"""`deepsearch serve` as a user types it; what it asks for reaches the server."""

from __future__ import annotations

import pytest

from langgraph_deepsearch.training import serve_command
from langgraph_deepsearch.training.registry import ModelRegistry


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


@pytest.fixture
def served(monkeypatch, tmp_path):
    """What folder is to be served under what name; nothing is started."""
    asked = []

    def refuse(model, **how):
        asked.append((model, how["name"]))
        msg = "enough"
        raise serve_command.RegistryError(msg)

    monkeypatch.setattr(serve_command, "ModelServer", refuse)
    registry = ModelRegistry(tmp_path / "run")
    for number in (1, 2):
        folder = tmp_path / "run" / f"model-{number}"
        folder.mkdir(parents=True)
        (folder / "config.json").write_text(str(number))
        registry.add("desk", folder)
    return asked


@pytest.mark.parametrize(
    ("words", "folder", "name"),
    [
        ((), "model-2", "desk"),
        (("desk",), "model-2", "desk"),
        (("desk@1",), "model-1", "desk"),
        (("desk@1", "--name", "old"), "model-1", "old"),
    ],
)
def test_a_registered_name_is_enough(deepsearch, served, words, folder, name):
    deepsearch("serve", *words, "--registry", "run")
    assert served == [(f"run/{folder}", name)]


def test_a_name_that_is_not_registered_is_refused(deepsearch, served):
    done = deepsearch("serve", "dusk", "--registry", "run")
    assert "no model 'dusk' in run/models.json; known: desk@1, desk@2" in done.complaint
    done = deepsearch("serve", "--registry", "absent")
    assert "no trained models in absent" in done.complaint
    assert not served


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
