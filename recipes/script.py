"""A recipe's full size as a shell script that waits for the servers its comments name.

A comment line of the commands says what to serve in another terminal (`# in another
terminal: deepsearch serve … --name N --port P`), or what to stop (`# stop N on port P: …`).
After it stands a line that waits until that is so, by the served name: a model that was not
swapped is never measured under the next one's name.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from .recipe import Recipe

HEAD = """#!/bin/sh
# {system} ({paper}) at full size, by deepsearch recipe export; run it in this folder.
#
{needs}
#
# Each server wants GPUs of its own (CUDA_VISIBLE_DEVICES) besides those of a training, unless
# a line says to stop it; --nproc_per_node is the number of GPUs that a training has.
# Servers are waited for. Before a second run delete the lines that are done.
set -eu

command -v curl > /dev/null || {{
    echo "run.sh asks servers with curl: install it" >&2
    exit 1
}}

# What is waited for, in words; then what tells that it is so.
wait_for() {{
    words=$1
    shift
    "$@" && return
    echo "waiting: $words" >&2
    until "$@"; do sleep 5; done
}}

ask() {{ curl -s --noproxy '*' "$@"; }}
is_served() {{ ask -f "http://127.0.0.1:$2/v1/models" | grep -qF "\\"$1\\""; }}
is_stopped() {{ ! is_served "$@"; }}
answers() {{ ask -o /dev/null "http://127.0.0.1:$1/"; }}
"""

PORTS = {"serve": "8000", "search serve": "8766"}
"""Where the two commands listen unless told."""

_STOPPED = re.compile(r"# (stop (\S+) on port (\d+))\b")
_SERVED = re.compile(r"deepsearch (serve|search serve) (.*)")
_MODEL = re.compile(r"\bmodels/[\w.-]+")


def run_script(recipe: Recipe) -> str:
    """Return the recipe's commands as a script, its servers waited for."""
    head = HEAD.format(
        system=recipe.system, paper=recipe.paper, needs="\n".join(_needs(recipe))
    )
    lines = (
        line for command in recipe.commands for line in ("", command, *_waits(command))
    )
    return head + "\n".join(lines) + "\n"


def _needs(recipe: Recipe) -> Iterator[str]:
    """Yield what must lie in the folder, as comments."""
    text = "\n".join(recipe.commands)
    yield "# Files you need here (questions: JSON Lines of `question` and `answer`; a corpus: of"
    yield "# `id`, `title` and `text`, or `id` and `contents`):"
    yield from (f"#   {name}: {what}" for name, what in recipe.needs.items())
    if models := list(dict.fromkeys(_MODEL.findall(text))):
        yield "# Models you need here, each a folder of the Hugging Face Hub:"
        yield from (f"#   {model}" for model in models)
    keys = {
        "--search serper": "SERPER_API_KEY",
        "openai:": "OPENAI_API_KEY",
        "deepseek:": "DEEPSEEK_API_KEY",
    }
    if wanted := [key for mark, key in keys.items() if mark in text]:
        yield f"# Keys you need in the environment: {', '.join(wanted)}"


def _waits(command: str) -> Iterator[str]:
    """Yield the lines that wait until what a comment says is so."""
    if stopped := _STOPPED.match(command):
        words, name, port = stopped.groups()
        yield _wait(words, "is_stopped", name, port)
    elif command.startswith("#"):
        served = (_SERVED.search(part) for part in command.split("; "))
        yield from (_served(*one.groups()) for one in served if one)


def _served(verb: str, said: str) -> str:
    words = shlex.split(said)
    port = _option(words, "--port") or PORTS[verb]
    told = f"in another terminal: deepsearch {verb} {said}"
    if verb == "search serve":
        return _wait(told, "answers", port)
    return _wait(told, "is_served", _option(words, "--name") or Path(words[0]).name, port)


def _option(words: Sequence[str], name: str) -> str:
    return words[words.index(name) + 1] if name in words else ""


def _wait(*words: str) -> str:
    return shlex.join(("wait_for", *words))
