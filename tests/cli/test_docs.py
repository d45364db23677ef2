"""Every command that the documents show is one the program takes."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer

from langgraph_deepsearch.cli.app import app

ROOT = Path(__file__).parents[2]
NOTE = re.compile(r"\s+#.*$|\s{6,}(?!--)\S.*$")
"""What a line says beside its command."""


def shown_commands():
    """Yield file and command of every `deepsearch …` line in a block of code."""
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        in_fence = False
        for line in path.read_text("utf-8").replace("\\\n", " ").splitlines():
            if line.startswith("```"):
                in_fence = not in_fence
            command = line.strip().removeprefix("$ ")
            is_code = in_fence or line.startswith("    ")
            if is_code and command.startswith("deepsearch "):
                yield path.name, NOTE.sub("", command)


def test_the_documents_show_commands():
    assert len(list(shown_commands())) > 15


@pytest.mark.parametrize(("file", "line"), sorted(set(shown_commands())))
def test_a_shown_command_is_taken(file, line):
    command = typer.main.get_command(app)
    name, *words = shlex.split(line)
    while hasattr(command, "commands"):
        name, *words = words
        assert name in command.commands, f"{file}: no verb {name!r} in: {line}"
        command = command.commands[name]
    # Parses and converts every option and argument, and runs nothing.
    context = command.make_context(name, words)
    assert context.params
