"""Examples in docstrings are true."""

from __future__ import annotations

import doctest
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = "tools nodes graph world evals curation training recipes cli".split()


def modules_with_examples():
    files = [
        *ROOT.glob("*.py"),
        *(p for room in ROOMS for p in (ROOT / room).rglob("*.py")),
    ]
    for path in files:
        lines = path.read_text(encoding="utf-8").splitlines()
        # Examples that need a server are marked `+SKIP`.
        if any(">>> " in line and "+SKIP" not in line for line in lines):
            parts = path.relative_to(ROOT).with_suffix("").parts
            yield ".".join(("langgraph_deepsearch", *parts)).removesuffix(".__init__")


@pytest.mark.parametrize("name", sorted(modules_with_examples()))
def test_examples(name):
    result = doctest.testmod(import_module(name))
    assert result.attempted
    assert result.failed == 0
