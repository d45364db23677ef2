"""The command's shape: every verb listed, explained, and quick to explain."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import typer

from langgraph_deepsearch import cli
from langgraph_deepsearch.cli.app import app

SHARED = ("__init__", "__main__", "app", "inputs", "options", "terminal")
"""Files of the room that hold no verb."""


def verbs():
    """Return the words of every verb, e.g. `train sft`."""

    def walk(command, words):
        if not hasattr(command, "commands"):
            yield words
            return
        for name, inner in command.commands.items():
            yield from walk(inner, (*words, name))

    return sorted(walk(typer.main.get_command(app), ()))


def test_every_file_is_listed():
    folder = Path(cli.__file__).parent
    files = {path.stem for path in folder.glob("*.py")} - set(SHARED)
    unlisted = {name for name in files if not hasattr(cli, name)}
    assert not unlisted, f"add to cli/__init__.py: {sorted(unlisted)}"


@pytest.mark.parametrize("words", verbs(), ids=" ".join)
def test_every_verb_explains_itself(deepsearch, words):
    done = deepsearch(*words, "--help")
    assert done.code == 0
    assert f"deepsearch {' '.join(words)}" in done.out
    command = typer.main.get_command(app)
    for word in words:
        command = command.commands[word]
    assert command.help
    silent = [
        parameter.name for parameter in command.params if not getattr(parameter, "help", "")
    ]
    assert not silent, f"no help text: {silent}"


@pytest.mark.parametrize("verb", ["ask", "rollout", "evaluate"])
def test_the_settings_of_a_run_are_the_same_options_everywhere(deepsearch, verb):
    shown = deepsearch(verb, "--help").out
    for option in ("--model", "--base-url", "--search", "--dialect", "--condenser"):
        assert option in shown
    for option in ("--summarizer-model", "--summarizer-url", "--set"):
        assert option in shown


def test_help_needs_none_of_the_heavy_packages():
    code = (
        "import sys, langgraph_deepsearch.cli;"
        "print([m for m in ('torch', 'transformers', 'langgraph') if m in sys.modules])"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def test_python_m_runs_it():
    command = [sys.executable, "-m", "langgraph_deepsearch.cli", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    assert "rollout" in done.stdout


@pytest.mark.parametrize("verb", ["ask", "nothing-like-it"])
def test_wrong_usage_is_refused(deepsearch, verb):
    done = deepsearch(verb)
    assert done.code == 2
    assert "Usage" in done.err


def test_the_help_of_an_export_says_what_a_trainer_would_learn(deepsearch):
    assert "The first two have no mask" in deepsearch("export", "--help").out
